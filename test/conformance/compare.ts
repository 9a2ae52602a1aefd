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
    const isWritten = maskOf(buffer, write ? eachBatch(write.view) : []);
    if (write) {
      const of = (all: Float32Array) => all.filter((_, i) => isWritten[i]);
      assertClose(of(got), of(expected.get(buffer.name)!), tolerance, `${plan.name}, ${write.name}`);
    }
    const before = values.get(buffer.name)!;
    for (let i = 0; i < got.length; i++)
      if (!isWritten[i] && !Object.is(got[i], before[i]))
        assert.fail(`${plan.name} touched element ${i} of '${buffer.name}'`);
  }
}

/** What a case has written, in the order of its operands and their rows. */
export function written({ plan }: ConformanceCase, values: ReadonlyMap<string, Float32Array>): number[] {
  return operandsOf(plan.ops[0]!.op).writes.flatMap(({ view }) => {
    const buffer = plan.buffers[view.buffer]!;
    const isWritten = maskOf(buffer, eachBatch(view));
    return [...values.get(buffer.name)!.filter((_, i) => isWritten[i])];
  });
}

/** 1 for each element of the buffer that is in one of the views. */
function maskOf({ rows, columns }: PlanBuffer, views: readonly View[]): Uint8Array {
  const mask = new Uint8Array(rows * columns);
  for (const view of views)
    for (let row = view.row; row < view.row + view.rows; row++)
      mask.fill(1, row * columns + view.column, row * columns + view.column + view.columns);
  return mask;
}
