/**
 * What a plan costs: multiply-accumulates and bytes, by operation and by layer. MACs are those of matrix
 * products only, as the paper counts them (METHOD: r (Ci + Co) for a calibrated layer).
 */
import { operandsOf } from './operands.js';
import { elementBytes, type Op, type Plan, type PlanBuffer } from './types.js';

export interface Cost {
  readonly macs: number;
  /** Bytes read and written when every operand moves once. */
  readonly bytes: number;
}

/** The cost of one operation over the buffers of its plan. */
export function opCost(op: Op, buffers: readonly PlanBuffer[]): Cost {
  const { reads, writes } = operandsOf(op);
  let bytes = 0;
  for (const { name, view } of [...reads, ...writes]) {
    // Of a table only the rows that are asked for move.
    const rows = name === 'table' ? op.out.rows : view.rows;
    bytes += rows * view.columns * elementBytes(buffers[view.buffer]!.type);
  }
  return { macs: opMacs(op), bytes };
}

/** The whole plan's cost. */
export function planCost(plan: Plan): Cost {
  return sum(plan.ops.map(({ op }) => opCost(op, plan.buffers)));
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
    const cost = opCost(step.op, plan.buffers);
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
    case 'calibratedMlp':
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
