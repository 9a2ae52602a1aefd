/** What must not change a bit on the native backend, and identities of calibrated linears. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { openDevice } from '../../src/backend/choose.js';
import type { FactorSet } from '../../src/cache/data/factorSet.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import type { CacheOptions, SampleOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { FloatType, Plan } from '../../src/plan/types.js';
import { assertDiffer, assertSame } from '../pipeline/tinyPipeline.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { writeTinyModel } from '../support/tinyModel.js';
import {
  type Given,
  INPUTS,
  OUTPUTS,
  ROWS,
  unchangedLinear,
  unchangedMlp,
} from '../support/unchangedPlans.js';
import { bind, blockPlan } from '../wasm/block.js';
import { SKIP } from './present.js';

const PRECISIONS = ['f32', 'bf16'] as const;

describe('threads on native', { skip: SKIP }, () => {
  const folder = temporaryFolder();
  let path: string;
  before(() => {
    // Sides that fit no tile, and enough rows for three threads to have work.
    const config = { inputSize: 18, hiddenSize: 70, heads: 5, mlpSize: 150 };
    path = writeTinyModel(join(folder, 'tiny.safetensors'), { config });
  });

  for (const weights of PRECISIONS) {
    for (const form of ['input', 'rank'] as const)
      test(`${weights}, ${form} form: a calibrated run has the same bits on one, two and three`, async () => {
        let factors: FactorSet | undefined;
        let expected: Float32Array | undefined;
        for (const threads of [1, 2, 3]) {
          await using pipeline = await Pipeline.load(path, { backend: 'native', threads, weights });
          assert.equal(pipeline.device.threads, threads);
          factors ??= await calibrate(pipeline, { method: 'svd', rank: 9 });
          const cache: CacheOptions = { policy: 'calibrated', period: 2, factors, form };
          for (let run = 0; run < 3; run++) {
            const { latents } = await pipeline.generate(optionsWith(cache));
            expected ??= latents;
            assertSame(latents, expected, `${threads} threads`);
          }
        }
      });

    test(`${weights}: every operation, run after run`, async () => {
      let expected: Uint32Array | undefined;
      for (const threads of [1, 2, 3]) {
        const device = await openDevice('native', { threads, weights });
        const bound = await bind(device, blockPlan());
        for (let run = 0; run < 20; run++) {
          const bits = await bound.run();
          expected ??= bits;
          assert.deepEqual(bits, expected);
        }
        await device.dispose();
      }
      assert.ok(new Float32Array(expected!.buffer).every(Number.isFinite));
    });
  }
});

for (const weights of PRECISIONS)
  for (const type of PRECISIONS)
    describe(`identities of linears on native, weights ${weights}, buffers ${type}`, { skip: SKIP }, () => {
      const given: Given = (b, name, rows, columns) => b.state(name, rows, columns, type);

      test('input form: where x is C(x), out is C(y) to the bit', () =>
        assertUnchanged(unchangedLinear('input', given), weights));

      test('rank form: where h is what linear made of x, out is C(y) to the bit', () =>
        assertUnchanged(unchangedLinear('rank', given), weights));

      for (const form of ['input', 'rank'] as const)
        test(`an MLP, ${form} form: where x has not changed, out is C(y) to the bit`, () =>
          assertUnchanged(unchangedMlp(form, given), weights));

      test('exact factors of full rank give the full linear', async () => {
        // Wa = W and Wb = I: C(y) + W I (x - C(x)) = W x.
        const b = new PlanBuilder('exact');
        const [x, cached] = [b.input('x', ROWS, INPUTS), b.input('cached', ROWS, INPUTS)];
        const weight = b.weight('weight', OUTPUTS, INPUTS);
        const store = b.state('store', ROWS, OUTPUTS, type);
        b.append({ op: 'linear', x, weight, epilogue: 'none', out: b.output('full', ROWS, OUTPUTS) });
        b.append({ op: 'linear', x: cached, weight, epilogue: 'none', out: store });
        b.append({
          op: 'calibratedLinear',
          x,
          cachedInput: cached,
          cachedOutput: store,
          factors: [{ down: b.weight('identity', INPUTS, INPUTS), up: weight }],
          epilogue: 'none',
          out: b.output('calibrated', ROWS, OUTPUTS),
        });
        const random = new Random(11);
        const values = new Map([
          ['weight', random.normals(OUTPUTS * INPUTS, INPUTS ** -0.5)],
          ['identity', Float32Array.from({ length: INPUTS ** 2 }, (_, i) => Number(i % (INPUTS + 1) === 0))],
        ]);
        const inputs = { x: random.normals(ROWS * INPUTS), cached: random.normals(ROWS * INPUTS) };
        const device = await openDevice('native', { threads: 2, weights });
        const outputs = await runPlan(device, b.build(), { read: (name) => values.get(name)! }, inputs);
        const tolerance = weights === 'bf16' || type === 'bf16' ? 2 ** -7 : 1e-6;
        assertClose(outputs.get('calibrated')!, outputs.get('full')!, tolerance, 'calibrated');
        await device.dispose();
      });
    });

describe('gathering on native', { skip: SKIP }, () => {
  const folder = temporaryFolder();
  const path = () => writeTinyModel(join(folder, 'tiny.safetensors'));

  for (const weights of PRECISIONS)
    test(`${weights}: everywhere is no cache, to the bit`, async () => {
      await using pipeline = await Pipeline.load(path(), { backend: 'native', threads: 2, weights });
      const run = async (cache: CacheOptions) => (await pipeline.generate(optionsWith(cache))).latents;
      const factors = await calibrate(pipeline, { method: 'svd', rank: 4 });
      const full = await run({});
      for (const cache of [{ policy: 'reuse' }, { policy: 'calibrated', factors }] as const) {
        const { policy } = cache;
        assertSame(await run({ ...cache, period: 1 }), full, policy);
        assertSame(await run({ ...cache, rule: () => true }), full, policy);
        assertDiffer(await run({ ...cache, period: 2 }), full, policy);
      }
    });

  test('f32: a step that fills the caches gives what one without a cache gives, to the bit', async () => {
    await using pipeline = await Pipeline.load(path(), { backend: 'native', threads: 2 });
    const factors = await calibrate(pipeline, { method: 'svd', rank: 4 });
    const first = async (cache: CacheOptions) => {
      for await (const step of pipeline.sample(optionsWith(cache))) return step.latents();
      throw new Error('no steps');
    };
    const full = await first({});
    for (const cache of [{ policy: 'reuse' }, { policy: 'calibrated', factors }] as const)
      for (const form of ['input', 'rank'] as const)
        assertSame(await first({ ...cache, form, period: 2 }), full, `${cache.policy}, ${form}`);
  });
});

function optionsWith(cache: CacheOptions): SampleOptions {
  return { labels: [0, 1, 2], steps: 4, cache };
}

/** Runs the plan on random values and compares `out` with `y`. */
async function assertUnchanged(plan: Plan, weights: FloatType): Promise<void> {
  const device = await openDevice('native', { threads: 2, weights });
  const bound = await bind(device, plan);
  await bound.run();
  assertSame(
    (await bound.tensors.get('out')!.read()) as Float32Array,
    (await bound.tensors.get('y')!.read()) as Float32Array,
    'out',
  );
  await device.dispose();
}
