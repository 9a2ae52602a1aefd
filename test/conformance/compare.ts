/** Whether a case came out as it should. */
import assert from 'node:assert/strict';
import { eachBatch } from '../../src/plan/batches.js';
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
    const written = write ? eachBatch(write.view) : [];
    if (write) {
      const of = (all: Float32Array) => inside(all, buffer, written);
      assertClose(of(got), of(expected.get(buffer.name)!), tolerance, `${plan.name}, ${write.name}`);
    }
    const before = values.get(buffer.name)!;
    for (let i = 0; i < got.length; i++)
      if (!isInside(i, buffer, written))
        assert.ok(Object.is(got[i], before[i]), `${plan.name} touched element ${i} of '${buffer.name}'`);
  }
}

/** What a case has written, in the order of its operands and their rows. */
export function written({ plan }: ConformanceCase, values: ReadonlyMap<string, Float32Array>): number[] {
  return operandsOf(plan.ops[0]!.op).writes.flatMap(({ view }) => {
    const buffer = plan.buffers[view.buffer]!;
    return [...inside(values.get(buffer.name)!, buffer, eachBatch(view))];
  });
}

function isInside(i: number, { columns }: PlanBuffer, batches: readonly View[]): boolean {
  const [row, column] = [Math.floor(i / columns), i % columns];
  return batches.some(
    (view) =>
      row >= view.row &&
      row < view.row + view.rows &&
      column >= view.column &&
      column < view.column + view.columns,
  );
}

function inside(values: Float32Array, buffer: PlanBuffer, batches: readonly View[]): Float32Array {
  return values.filter((_, i) => isInside(i, buffer, batches));
}
