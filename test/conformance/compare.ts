/** Whether a case came out as it should. */
import assert from 'node:assert/strict';
import { operandsOf } from '../../src/plan/operands.js';
import type { PlanBuffer, View } from '../../src/plan/types.js';
import { assertClose } from '../support/compare.js';
import type { ConformanceCase } from './cases.js';

/** What was to be written is close to float64, and nothing around it was touched. */
export function compare(
  { plan, values, tolerance }: ConformanceCase,
  actual: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
): void {
  const { writes } = operandsOf(plan.ops[0]!.op);
  for (const [id, buffer] of plan.buffers.entries()) {
    if (buffer.role !== 'state') continue;
    const write = writes.find(({ view }) => view.buffer === id);
    const got = actual.get(buffer.name)!;
    if (write) {
      const of = (all: Float32Array) => inside(all, buffer, write.view);
      assertClose(of(got), of(expected.get(buffer.name)!), tolerance, `${plan.name}, ${write.name}`);
    }
    const before = values.get(buffer.name)!;
    for (let i = 0; i < got.length; i++)
      if (!write || !isInside(i, buffer, write.view))
        assert.ok(Object.is(got[i], before[i]), `${plan.name} touched element ${i} of '${buffer.name}'`);
  }
}

function isInside(i: number, { columns }: PlanBuffer, view: View): boolean {
  const [row, column] = [Math.floor(i / columns) - view.row, (i % columns) - view.column];
  return row >= 0 && row < view.rows && column >= 0 && column < view.columns;
}

function inside(values: Float32Array, buffer: PlanBuffer, view: View): Float32Array {
  return values.filter((_, i) => isInside(i, buffer, view));
}
