/** The text form of a plan, for people. */
import { operandsOf } from './operands.js';
import type { Op, Plan, View } from './types.js';

/** One line a buffer, one line an operation: `t3[512 x 384] = linear(x: t2, weight: blocks.0..., ...)`. */
export function planText(plan: Plan): string {
  const lines = [`plan ${plan.name}`, 'buffers'];
  for (const buffer of plan.buffers)
    lines.push(
      `  ${buffer.role.padEnd(9)} ${buffer.type.padEnd(4)} ${`${buffer.rows} x ${buffer.columns}`.padEnd(14)} ${buffer.name}`,
    );
  lines.push('ops');
  let layer: string | undefined;
  for (const step of plan.ops) {
    if (step.layer !== layer) {
      layer = step.layer;
      lines.push(`  # ${layer}`);
    }
    lines.push(`  ${opText(plan, step.op)}`);
  }
  return `${lines.join('\n')}\n`;
}

function opText(plan: Plan, op: Op): string {
  const { reads, writes } = operandsOf(op);
  const results = writes.map(({ name, view }) => (name === 'out' ? '' : `${name} `) + viewText(plan, view));
  const operands = reads.map(({ name, view }) => `${name}: ${viewText(plan, view)}`);
  const settings = Object.entries(op)
    .filter(([key, value]) => key !== 'op' && (typeof value === 'number' || typeof value === 'string'))
    .map(([key, value]) => `${key}: ${value}`);
  if (op.op === 'linearCombination')
    settings.push(`coefficients: ${op.terms.map(({ coefficient }) => coefficient).join(' ')}`);
  return `${results.reverse().join(', ')} = ${op.op}(${[...operands, ...settings].join(', ')})`;
}

function viewText(plan: Plan, view: View): string {
  const buffer = plan.buffers[view.buffer]!;
  const whole = view.rows === buffer.rows && view.columns === buffer.columns;
  if (whole) return buffer.name;
  const span = (start: number, count: number, size: number) =>
    count === size ? ':' : `${start}:${start + count}`;
  const batches = (view.batches ?? 1) > 1 ? `; ${view.batches} every ${view.batchStride}` : '';
  return `${buffer.name}[${span(view.row, view.rows, buffer.rows)}, ${span(view.column, view.columns, buffer.columns)}${batches}]`;
}
