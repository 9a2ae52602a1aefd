/** Calibration against the line through two stored steps, in the cases in which it is something else. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { FactorSet } from '../../src/cache/data/factorSet.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { relativeL2 } from '../../src/evaluate/metrics/relativeL2.js';
import type { CacheOptions } from '../../src/pipeline/options.js';
import { assertClose } from '../support/compare.js';
import { TINY } from '../support/tinyModel.js';
import { assertDiffer, assertSame, PRESENT, sharedPipeline } from './tinyPipeline.js';

const STEPS = 8;

for (const backend of PRESENT)
  describe(`calibrated of order 1 on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);
    let low: FactorSet;
    let full: FactorSet;
    /** Increments of nothing. */
    let zero: FactorSet;
    const run = async (cache: CacheOptions) =>
      (await pipeline().generate({ labels: [0, 1, 2], steps: STEPS, cache })).latents;

    before(async () => {
      const svd = (rank: number) => calibrate(pipeline(), { method: 'svd', rank });
      [low, full] = [await svd(4), await svd(TINY.hiddenSize)];
      const cleared = [...low.layers].map(([name, layer]) => {
        return [name, { ...layer, up: new Float32Array(layer.up.length) }] as const;
      });
      zero = new FactorSet(low.info, new Map(cleared));
    });

    test('of full rank it is exact, for linears map lines to lines', async () => {
      const whole = await run({ policy: 'none' });
      for (const form of ['input', 'rank'] as const)
        for (const gatherSteps of [
          [0, 2, 4, 6],
          [0, 1, 2, 5],
          [0, 3],
        ]) {
          const latents = await run({ policy: 'calibrated', order: 1, factors: full, form, gatherSteps });
          assertClose(latents, whole, 1e-3, `${form}, ${gatherSteps}`);
        }
    });

    test('with increments of nothing it is TaylorSeer', async () => {
      for (const period of [2, 3]) {
        const series = await run({ policy: 'taylorseer', order: 1, period, warmup: 1 });
        const reused = await run({ policy: 'reuse', period });
        for (const form of ['input', 'rank'] as const) {
          const latents = await run({ policy: 'calibrated', order: 1, factors: zero, period, form });
          assertClose(latents, series, 1e-4, `${form}, period ${period}`);
          assert.ok(relativeL2(latents, series) < 0.1 * relativeL2(latents, reused), 'it is not reuse');
        }
      }
    });

    test('both forms are the same, and not those of order 0, which is the default', async () => {
      const cache = { policy: 'calibrated', factors: low, period: 3 } as const;
      const line = await run({ ...cache, order: 1 });
      assertClose(await run({ ...cache, order: 1, form: 'rank' }), line, 1e-4, 'the rank form');
      assertDiffer(line, await run(cache));
      assertSame(await run({ ...cache, order: 0 }), await run(cache));
    });

    test('a layer without an increment is reused', async () => {
      const none = await calibrate(pipeline(), { method: 'svd', rank: 0 });
      const reused = await run({ policy: 'reuse', period: 2 });
      assertSame(await run({ policy: 'calibrated', order: 1, factors: none, period: 2 }), reused);
    });

    test('an order beyond 3 is refused', async () => {
      const refused = { name: 'ArgumentError', message: /order is 4; expected an integer from 0 to 3/ };
      await assert.rejects(run({ policy: 'calibrated', order: 4, factors: low }), refused);
    });
  });
