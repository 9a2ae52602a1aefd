/** Every operation on every backend against float64 (the reference backend), on shapes that fit no tile. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Device } from '../../src/backend/backend.js';
import { backends, openDevice } from '../../src/backend/choose.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { OpName } from '../../src/plan/types.js';
import { assertClose } from '../support/compare.js';
import { Random } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { CASES, type ConformanceCase } from './cases.js';
import { compare } from './compare.js';
import { inHalf, withHalfWeights } from './half.js';
import { runCase } from './run.js';

const RUNS_PER_OP = 40;

/** Of a matrix that holds `value` everywhere from one of zeros. */
async function distanceFromZeros(device: Device, value: number): Promise<number> {
  const [rows, columns] = [3, 19];
  const b = new PlanBuilder('distance from zeros');
  const [x, previous] = [b.input('x', rows, columns), b.input('previous', rows, columns)];
  b.append({ op: 'relativeDistance', x, previous, norm: 1, out: b.output('distance', 1, 1) });
  const source = { read: () => assert.fail('the plan has no weights') };
  const outputs = await runPlan(device, b.build(), source, {
    x: new Float32Array(rows * columns).fill(value),
  });
  return outputs.get('distance')![0]!;
}

/** A group norm of an image of normal values about `meanAt` each pixel, on two threads' parts of its columns. */
async function normOfImage(
  device: Device,
  [pixels, channels]: readonly [number, number],
  meanAt: (pixel: number) => number,
): Promise<Float32Array> {
  const b = new PlanBuilder('norm of an image');
  b.append({
    op: 'norm',
    kind: 'layer',
    x: b.input('x', pixels, channels),
    span: pixels,
    groups: 32,
    epsilon: 1e-6,
    epilogue: 'none',
    out: b.output('out', pixels, channels),
  });
  const source = { read: () => assert.fail('the plan has no weights') };
  const x = new Random(3)
    .normals(pixels * channels)
    .map((value, i) => meanAt(Math.floor(i / channels)) + value);
  return (await runPlan(device, b.build(), source, { x })).get('out')!;
}

/** Larger than what a kernel may keep in caches. */
const LARGE = [[8200, 128], () => 5] as const;
/** Its first rows are far from all others, whose sums begin from the mean of those before them. */
const DRIFTING = [[2000, 64], (pixel: number) => (pixel < 700 ? 1000 : pixel / 100)] as const;

/** Backends that compute on threads of the processor, whose number decides how work is divided. */
const THREADED: readonly string[] = ['native', 'wasm'];

for (const { name, available, detail } of backends()) {
  const skip = name === 'reference' ? 'it is what the others are compared with' : available ? false : detail;
  for (const threads of THREADED.includes(name) ? [1, 2] : [1]) {
    describe(`conformance of ${name}, ${threads} threads`, { skip }, () => {
      let device: Device;
      let oracle: Device;
      before(async () => {
        device = await openDevice(name, { threads, weights: 'f32' });
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
      for (const [x, expected] of [
        [0, 0],
        [1, Number.POSITIVE_INFINITY],
      ] as const)
        test(`relativeDistance of all ${x} from zeros`, async () => {
          const distance = await distanceFromZeros(device, x);
          assert.equal(distance, expected);
        });
      test('norm of an image that is larger than caches', async () =>
        assertClose(await normOfImage(device, ...LARGE), await normOfImage(oracle, ...LARGE), 5e-6, 'out'));
      test('norm of an image that drifts', async () =>
        assertClose(
          await normOfImage(device, ...DRIFTING),
          await normOfImage(oracle, ...DRIFTING),
          1e-6,
          'out',
        ));
      for (const op of Object.keys(CASES) as OpName[]) {
        test(op, () => check(CASES[op]));
        test(`${op}, states in bf16`, { skip: name === 'wasm' && 'it has only f32 and i32' }, () =>
          check((random) => inHalf(CASES[op](random), 'bf16')),
        );
      }
    });
  }
}

/** Products of one weight, in which states and weights are multiplied as they are held. */
const PRODUCTS: readonly OpName[] = ['linear', 'convolution'];

for (const { name, available, detail } of backends().filter((backend) => backend.name === 'native'))
  describe(`conformance of ${name}, weights in bf16`, { skip: available ? false : detail }, () => {
    let device: Device;
    let oracle: Device;
    before(async () => {
      device = await openDevice(name, { threads: 2, weights: 'bf16' });
      oracle = await openDevice('reference');
    });
    after(async () => {
      await device.dispose();
      await oracle.dispose();
    });
    for (const op of PRODUCTS)
      test(op, () =>
        fc.assert(
          fc.asyncProperty(fc.integer(), async (seed) => {
            const testCase = withHalfWeights(inHalf(CASES[op](new Random(seed)), 'bf16'), 'bf16');
            compare(testCase, await runCase(device, testCase), await runCase(oracle, testCase));
          }),
          { numRuns: RUNS_PER_OP },
        ),
      );
  });
