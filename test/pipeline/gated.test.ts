/** Policies that decide while they run: what they decide, what they then do, and that they leave nothing behind. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { FactorSet } from '../../src/cache/data/factorSet.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { normals } from '../../src/diffusion/philox.js';
import { DenoisingSession } from '../../src/engine/session.js';
import type { CacheOptions, SampleOptions } from '../../src/pipeline/options.js';
import { planCost } from '../../src/plan/cost.js';
import { assertClose } from '../support/compare.js';
import { TINY } from '../support/tinyModel.js';
import { runWithSignals, type Signals } from './gateSignals.js';
import { assertDiffer, assertSame, memoryInUse, PRESENT, sharedPipeline } from './tinyPipeline.js';

const STEPS = 12;
const SIZE = TINY.inChannels * TINY.inputSize ** 2;
const LABELS = [0, 1, 2];
const NOISE = normals(7, 0, 0, LABELS.length * SIZE);
const OPTIONS = { labels: LABELS, steps: STEPS, guidanceScale: 2, noise: NOISE } satisfies SampleOptions;
const ALONE = { ...OPTIONS, labels: [1], noise: NOISE.slice(0, SIZE) };

const POLICIES = ['teacache', 'first-block', 'fastcache', 'easycache'] as const;
type Gated = (typeof POLICIES)[number];

/** Some of the steps are below these, some are not. */
const THRESHOLDS: Record<Gated, number> = {
  teacache: 0.5,
  'first-block': 0.6,
  fastcache: 0.4,
  easycache: 0.3,
};

const distance = (a: Float32Array, b: Float32Array, power: 1 | 2): number => {
  let [difference, size] = [0, 0];
  for (const [i, value] of b.entries()) {
    difference += Math.abs(a[i]! - value) ** power;
    size += Math.abs(value) ** power;
  }
  return (difference / size) ** (1 / power);
};
const plus = (a: Float32Array, b: Float32Array) => a.map((value, i) => value + b[i]!);
const minus = (a: Float32Array, b: Float32Array) => a.map((value, i) => value - b[i]!);

/** Cached blocks of every step, as each paper's text would have it. */
const EXPECTED: Record<Gated, (signals: readonly Signals[]) => number[]> = {
  teacache: (signals) => {
    let sum = 0;
    return signals.map(({ modulated }, step) => {
      if (step > 0) sum += distance(modulated, signals[step - 1]!.modulated, 1);
      if (step > 0 && step < STEPS - 1 && sum < THRESHOLDS.teacache) return TINY.depth;
      sum = 0;
      return 0;
    });
  },
  'first-block': (signals) => {
    let reference: Float32Array | undefined;
    let inRow = 0;
    return signals.map(({ tokens, behindFirst }, step) => {
      const added = minus(behindFirst, tokens);
      const close = reference !== undefined && distance(added, reference, 1) < THRESHOLDS['first-block'];
      if (step >= 2 && inRow < 2 && close) {
        inRow++;
        return TINY.depth - 1;
      }
      inRow = 0;
      reference = added;
      return 0;
    });
  },
  fastcache: (signals) => {
    const references: (Float32Array | undefined)[] = [undefined, undefined];
    let added = new Float32Array();
    const elements = signals[0]!.tokens.length;
    const isCached = (block: number, input: Float32Array) => {
      const reference = references[block];
      const square = reference ? distance(input, reference, 2) ** 2 / THRESHOLDS.fastcache ** 2 : Infinity;
      if (square * elements < elements + 1.96 * Math.sqrt(2 * elements)) return true;
      references[block] = input;
      return false;
    };
    return signals.map(({ tokens, behindFirst }) => {
      const first = isCached(0, tokens);
      if (!first) added = minus(behindFirst, tokens);
      const second = isCached(1, first ? plus(tokens, added) : behindFirst);
      return Number(first) + Number(second);
    });
  },
  easycache: (signals) => {
    const mean = (values: Float32Array) =>
      values.reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
    let last: Signals | undefined;
    let [rate, error] = [Number.NaN, 0];
    return signals.map((own, step) => {
      if (step >= 2) error += (rate * mean(minus(own.latents, last!.latents))) / mean(last!.prediction);
      if (step >= 2 && error < THRESHOLDS.easycache) return TINY.depth;
      if (last) rate = mean(minus(own.prediction, last.prediction)) / mean(minus(own.latents, last.latents));
      last = own;
      error = 0;
      return 0;
    });
  },
};

/** With a warm-up and a cap that matter in so few steps. */
function cacheOf(policy: Gated, threshold: number): CacheOptions {
  return { policy, threshold, ...(policy === 'first-block' && { warmup: 2, maxCached: 2 }) };
}

for (const backend of PRESENT)
  describe(`gates on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);
    const run = (cache: CacheOptions, options: Partial<SampleOptions> = {}) =>
      pipeline().generate({ ...OPTIONS, ...options, cache });
    let uncached: Float32Array;
    let factors: FactorSet;
    before(async () => {
      uncached = (await run({ policy: 'none' })).latents;
      factors = await calibrate(pipeline(), { method: 'svd', rank: 4 });
    });

    for (const policy of POLICIES) {
      test(`${policy} at threshold 0 is no cache, calibrated or not`, async () => {
        const cache = cacheOf(policy, 0);
        const others = policy === 'easycache' ? [] : ([{ keep: 'outputs' }, { factors }] as const);
        for (const more of [{}, ...others]) {
          const { latents, report } = await run({ ...cache, ...more } as CacheOptions);
          assertSame(latents, uncached);
          assert.deepEqual(report.cachedBlocks, new Array(LABELS.length).fill(new Array(STEPS).fill(0)));
        }
      });

      test(`${policy} decides as the papers' formulas do in float64`, async () => {
        const cache = cacheOf(policy, THRESHOLDS[policy]);
        const { steps, signals } = await runWithSignals(pipeline(), { ...ALONE, cache });
        const decided = steps.map(({ cachedBlocks }) => cachedBlocks);
        assert.deepEqual(decided, EXPECTED[policy](signals));
        assert.ok(decided.slice(2).includes(0), `${decided}: every step is cached`);
        assert.ok(decided.some(Boolean), `${decided}: no step is cached`);
      });

      test(`${policy} reports what it has decided and what that took`, async () => {
        const steps: [number, number][] = [];
        const cache = cacheOf(policy, THRESHOLDS[policy]);
        const options = { ...ALONE, cache };
        const { report } = await pipeline().generate(options, ({ cachedBlocks, macs }) =>
          steps.push([cachedBlocks, macs]),
        );
        assert.deepEqual(report.cachedBlocks, [steps.map(([blocks]) => blocks)]);
        const plan = pipeline().plan({ ...ALONE, cache: { policy: 'none' } });
        const whole = planCost(plan.plans[0]!).macs;
        const block = blockMacs();
        for (const [blocks, macs] of steps)
          assert.equal(macs, policy === 'easycache' && blocks > 0 ? 0 : whole - blocks * block);
        assert.equal(report.macs, steps.reduce((sum, [, macs]) => sum + macs, 0) + plan.conditioningMacs);
        assert.equal(pipeline().plan(options).stepMacs, plan.stepMacs, 'the most that it may take');
      });

      test(`gates-and-batch: ${policy} decides for every image by itself, whatever the batch`, async () => {
        const cache = cacheOf(policy, THRESHOLDS[policy]);
        const { latents, report } = await run(cache, { batch: 2 });
        assert.equal(report.batch, 1);
        assertSame((await run(cache)).latents, latents);
        for (const image of LABELS.keys()) {
          const noise = NOISE.slice(image * SIZE, (image + 1) * SIZE);
          const alone = await run(cache, { labels: [LABELS[image]!], noise });
          assertSame(latents.slice(image * SIZE, (image + 1) * SIZE), alone.latents);
          assert.deepEqual(report.cachedBlocks![image], alone.report.cachedBlocks![0]);
        }
      });

      test(`${policy} leaves no memory behind, nor when it is stopped`, async () => {
        const cache = cacheOf(policy, THRESHOLDS[policy]);
        await run(cache);
        const taken = memoryInUse(pipeline());
        const reason = new Error('enough');
        const controller = new AbortController();
        const stopped = pipeline().generate({ ...OPTIONS, cache, signal: controller.signal }, ({ index }) => {
          if (index === 3) controller.abort(reason);
        });
        await assert.rejects(stopped, (error) => error === reason);
        assert.equal(memoryInUse(pipeline()), taken);
      });
    }

    test('a step that repeats another is cached as it was computed', async () => {
      // One step of the sampler is repeated by hand: the same latents, timestep and label.
      const session = await sessionOf({ policy: 'teacache', threshold: 1 });
      const [latents, rows] = [NOISE.slice(0, SIZE), Int32Array.of(0)];
      await session.condition([{ timestep: 500, conditions: { labels: [1] } }]);
      const computed = await session.evaluate(0, latents, rows);
      assert.equal(session.course.cachedBlocks, 0);
      const cached = await session.evaluate(1, latents, rows);
      assert.equal(session.course.cachedBlocks, TINY.depth);
      assertClose(cached, computed, 1e-5, 'the cached step');
      session.dispose();
    });

    test('everything cached, with the outputs of sublayers kept, is what policy reuse gives', async () => {
      const kept = { threshold: 1e30, keep: 'outputs' } as const;
      const toLast = await run({ policy: 'reuse', gatherSteps: [0, STEPS - 1] });
      assertSame((await run({ policy: 'teacache', ...kept })).latents, toLast.latents);
      const once = await run({ policy: 'reuse', gatherSteps: [0] });
      assertSame((await run({ policy: 'fastcache', ...kept })).latents, once.latents);
      assertDiffer((await run({ policy: 'fastcache', threshold: 1e30 })).latents, once.latents);
    });

    test('everything cached and calibrated is what policy calibrated gives', async () => {
      const huge = { threshold: 1e30, factors };
      const expected = await run({ policy: 'calibrated', factors, gatherSteps: [0, STEPS - 1] });
      assertSame((await run({ policy: 'teacache', ...huge })).latents, expected.latents);
      const never = await run({ policy: 'calibrated', factors, gatherSteps: [0] });
      for (const form of ['input', 'rank'] as const)
        assertClose(
          (await run({ policy: 'fastcache', ...huge, form })).latents,
          never.latents,
          1e-4,
          `${form} form`,
        );
      assertDiffer((await run({ policy: 'teacache', threshold: 1e30 })).latents, expected.latents);
    });

    /** One sequence, as a caller of the engine opens it. */
    async function sessionOf(cache: CacheOptions) {
      const { device, weights } = pipeline();
      const plan = pipeline().plan({ labels: [0], steps: STEPS, guidanceScale: 1, cache });
      return DenoisingSession.create(device, weights, plan);
    }

    /** Multiply-accumulates of a block, both branches of guidance. */
    function blockMacs(): number {
      const { hiddenSize: c, mlpSize, inputSize, patchSize } = TINY;
      const tokens = (inputSize / patchSize) ** 2;
      return 2 * tokens * (4 * c * c + 2 * c * mlpSize + 2 * tokens * c);
    }
  });
