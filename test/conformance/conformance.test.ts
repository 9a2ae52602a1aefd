/** Every operation on every backend against float64 (the reference backend), on shapes that fit no tile. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Device } from '../../src/backend/backend.js';
import { backends, openDevice } from '../../src/backend/choose.js';
import { operandsOf } from '../../src/plan/operands.js';
import type { OpName, PlanBuffer, View } from '../../src/plan/types.js';
import { assertClose } from '../support/compare.js';
import { Random } from '../support/random.js';
import { inBf16 } from './bf16.js';
import { CASES, type ConformanceCase } from './cases.js';
import { runCase } from './run.js';

const RUNS_PER_OP = 40;

for (const { name, available, detail } of backends()) {
  const skip = name === 'reference' ? 'it is what the others are compared with' : available ? false : detail;
  for (const threads of [1, 2]) {
    describe(`conformance of ${name}, ${threads} threads`, { skip }, () => {
      let device: Device;
      let oracle: Device;
      before(async () => {
        device = await openDevice(name, { threads });
        oracle = await openDevice('reference');
      });
      after(async () => {
        await device.dispose();
        await oracle.dispose();
      });
      const check = (make: (random: Random) => ConformanceCase) =>
        fc.assert(
          fc.asyncProperty(fc.integer(), async (seed) => {
            const testCase = make(new Random(seed));
            compare(testCase, await runCase(device, testCase), await runCase(oracle, testCase));
          }),
          { numRuns: RUNS_PER_OP },
        );
      for (const op of Object.keys(CASES) as OpName[]) {
        test(op, () => check(CASES[op]));
        test(`${op}, states in bf16`, { skip: name === 'wasm' && 'it has only f32 and i32' }, () =>
          check((random) => inBf16(CASES[op](random))),
        );
      }
    });
  }
}

/** What was to be written is close to float64, and nothing around it was touched. */
function compare(
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
