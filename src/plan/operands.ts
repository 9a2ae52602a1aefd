/**
 * Which views an operation reads and writes: the one table that validation, liveness, cost and dead-code
 * elimination share, so that none of them has to know every operation.
 */
import type { Op, View } from './types.js';

export interface Operand {
  /** The field of the operation, as in `x` or `factors[1].up`. */
  readonly name: string;
  readonly view: View;
}

export interface Operands {
  readonly reads: readonly Operand[];
  readonly writes: readonly Operand[];
}

/** The operands of `op`, in the order of its fields. */
export function operandsOf(op: Op): Operands {
  return { reads: reads(op), writes: writes(op) };
}

function reads(op: Op): Operand[] {
  switch (op.op) {
    case 'linear':
      return present({ x: op.x, weight: op.weight, bias: op.bias, gate: op.gate, residual: op.residual });
    case 'calibratedLinear':
    case 'calibratedMlp':
      return [
        ...present({
          x: op.x,
          cachedInput: op.cachedInput,
          cachedHidden: op.cachedHidden,
          cachedPreActivation: op.op === 'calibratedMlp' ? op.cachedPreActivation : undefined,
          cachedOutput: op.cachedOutput,
        }),
        ...op.factors.flatMap((pair, i) => [
          { name: `factors[${i}].down`, view: pair.down },
          { name: `factors[${i}].up`, view: pair.up },
        ]),
        ...present({ gate: op.gate, residual: op.residual }),
      ];
    case 'attention':
      return present({ q: op.q, k: op.k, v: op.v, keyLengths: op.keyLengths });
    case 'layerNormModulate':
      return present({ x: op.x, shift: op.shift, scale: op.scale });
    case 'gatherRows':
      return present({ table: op.table, index: op.index });
    case 'add':
      return present({ x: op.x, y: op.y });
    case 'gateResidual':
      return present({ x: op.x, gate: op.gate, residual: op.residual });
    case 'channelStatistics':
    case 'secondMoment':
    case 'relativeDistance':
      return present({ x: op.x, previous: op.previous });
    case 'linearCombination':
      return op.terms.map(({ x }, i) => ({ name: `terms[${i}].x`, view: x }));
    default:
      return [{ name: 'x', view: op.x }];
  }
}

function writes(op: Op): Operand[] {
  if (op.op === 'linear') return present({ store: op.store, out: op.out });
  return [{ name: 'out', view: op.out }];
}

function present(fields: Record<string, View | undefined>): Operand[] {
  const operands: Operand[] = [];
  for (const [name, view] of Object.entries(fields)) if (view) operands.push({ name, view });
  return operands;
}
