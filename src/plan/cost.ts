/**
 * What a plan costs: multiply-accumulates and bytes, by operation and by layer. MACs are those of matrix
 * products only, as the paper counts them (METHOD: r (Ci + Co) for a calibrated layer).
 */
import { operandsOf } from './operands.js';
import { ELEMENT_BYTES, type Op, type Plan } from './types.js';

export interface Cost {
  readonly macs: number;
  /** Bytes read and written when every operand moves once. */
  readonly bytes: number;
}

/** One operation's cost. */
export function opCost(op: Op): Cost {
  const { reads, writes } = operandsOf(op);
  let elements = 0;
  // Of a table only the rows that are asked for move.
  for (const { name, view } of [...reads, ...writes])
    elements += name === 'table' ? op.out.rows * view.columns : view.rows * view.columns;
  return { macs: opMacs(op), bytes: elements * ELEMENT_BYTES };
}

/** The whole plan's cost. */
export function planCost(plan: Plan): Cost {
  return sum(plan.ops.map(({ op }) => opCost(op)));
}

/** Cost by layer of the model, in the order in which layers first appear. */
export function costByLayer(plan: Plan): Map<string, Cost> {
  return costBy(plan, (step) => step.layer);
}

/** Cost by kind of operation, in the order in which kinds first appear. */
export function costByOp(plan: Plan): Map<string, Cost> {
  return costBy(plan, (step) => step.op.op);
}

function costBy(plan: Plan, key: (step: Plan['ops'][number]) => string): Map<string, Cost> {
  const costs = new Map<string, Cost>();
  for (const step of plan.ops) {
    const name = key(step);
    const before = costs.get(name);
    const cost = opCost(step.op);
    costs.set(name, before ? sum([before, cost]) : cost);
  }
  return costs;
}

function sum(costs: readonly Cost[]): Cost {
  let macs = 0;
  let bytes = 0;
  for (const cost of costs) {
    macs += cost.macs;
    bytes += cost.bytes;
  }
  return { macs, bytes };
}

function opMacs(op: Op): number {
  switch (op.op) {
    case 'linear':
      return op.x.rows * op.weight.rows * op.weight.columns;
    case 'calibratedLinear':
      return op.factors.reduce(
        (macs, { down, up }) => macs + op.x.rows * down.rows * (down.columns + up.rows),
        0,
      );
    case 'attention':
      return 2 * op.q.rows * op.keyLength * op.q.columns;
    case 'secondMoment':
      return op.x.rows * op.x.columns * op.x.columns;
    default:
      return 0;
  }
}
