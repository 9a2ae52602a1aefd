/**
 * What a plan costs: multiply-accumulates and bytes, by operation and by layer. MACs are those of matrix
 * products only, as the paper counts them (METHOD: r (Ci + Co) for a calibrated layer).
 */
import { operandsOf } from './operands.js';
import { type Op, schemaOf } from './schema.js';
import { shapesOf } from './shapes.js';
import { elementBytes, type Plan, type PlanBuffer } from './types.js';

export interface Cost {
  readonly macs: number;
  /** Bytes read and written when every operand moves once. */
  readonly bytes: number;
}

/** The cost of one operation over the buffers of its plan. */
export function opCost(op: Op, buffers: readonly PlanBuffer[]): Cost {
  const { reads, writes } = operandsOf(op);
  const shapes = shapesOf(op);
  let bytes = 0;
  for (const { view, field } of [...reads, ...writes]) {
    const rows = field.moved === undefined ? view.rows : shapes.value(field.moved);
    bytes += rows * view.columns * elementBytes(buffers[view.buffer]!.type);
  }
  return { macs: shapes.value(schemaOf(op.op).macs), bytes };
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
