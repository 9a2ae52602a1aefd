/** Policies that make their own schedule, against the same schedule given by hand. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { FactorSet } from '../../src/cache/data/factorSet.js';
import type { RouterTable } from '../../src/cache/data/routerTable.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { relativeL2 } from '../../src/evaluate/metrics/relativeL2.js';
import { measureErrors } from '../../src/evaluate/runs/measureErrors.js';
import type { CacheOptions } from '../../src/pipeline/options.js';
import { TINY } from '../support/tinyModel.js';
import { assertDiffer, assertSame, PRESENT, sharedPipeline } from './tinyPipeline.js';

const STEPS = 6;
const SUBLAYERS = 2 * TINY.depth;

/** Asks on even rows for attention in block 0 and, at the last step, for the MLP of block 1. */
const TABLE: RouterTable = {
  steps: STEPS,
  sublayers: SUBLAYERS,
  logits: Float32Array.from({ length: STEPS * SUBLAYERS }, (_, i) => {
    const [row, column] = [Math.floor(i / SUBLAYERS), i % SUBLAYERS];
    return column === 0 || (row === 0 && column === 3) ? 3 : -3;
  }),
};

const TABLE_RULE = (step: number, layer: string) =>
  step % 2 === 0 || layer === 'blocks.0.attention' || (step === 5 && layer === 'blocks.1.mlp');

for (const backend of PRESENT)
  describe(`policies on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);
    let factors: FactorSet;
    const run = async (cache: CacheOptions) =>
      (await pipeline().generate({ labels: [0, 1, 2], steps: STEPS, cache })).latents;

    before(async () => {
      factors = await calibrate(pipeline(), { method: 'svd', rank: 4 });
    });

    test('learning-to-cache is reuse, or calibration, on the schedule of its table', async () => {
      const given = { rule: TABLE_RULE, granularity: 'sublayer' } as const;
      const [reused, calibrated] = [
        await run({ policy: 'reuse', ...given }),
        await run({ policy: 'calibrated', factors, ...given }),
      ];
      const table = { policy: 'learning-to-cache', table: TABLE } as const;
      assertSame(await run(table), reused);
      assertSame(await run({ ...table, factors }), calibrated);
      assertSame(await run({ ...table, theta: 0 }), await run({ policy: 'none' }));
      assertDiffer(reused, calibrated);
    });

    test('searched and mixed spend their budget, and with all of it compute everything', async () => {
      const errors = await measureErrors(pipeline(), { images: 1, gaps: 2, steps: STEPS, factors });
      const whole = await run({ policy: 'none' });
      const macs = (cache: CacheOptions) => pipeline().plan({ labels: [0], steps: STEPS, cache }).stepMacs;
      for (const policy of ['searched', 'mixed'] as const) {
        assertSame(await run({ policy, errors, budget: 1 }), whole);
        for (const given of [{}, { factors }]) {
          const cache = { policy, errors, budget: 0.7, ...given };
          const share = macs(cache) / macs({ policy: 'none' });
          assert.ok(share <= 0.7 && share > 0.5, `${share} of the MACs`);
          const latents = await run(cache);
          assertDiffer(latents, whole);
          assert.ok(relativeL2(latents, whole) < 1, 'worse than nothing');
        }
      }
    });
  });

describe('what a policy needs', () => {
  const pipeline = sharedPipeline('reference');
  const refused = (cache: object, message: RegExp) =>
    assert.throws(() => pipeline().plan({ labels: [0], steps: STEPS, cache }), {
      name: 'ArgumentError',
      message,
    });

  test('is asked for by name, and an unknown policy is answered with those that there are', () => {
    refused({ policy: 'lru' }, /policy is 'lru'; expected one of none, reuse, calibrated, learning-to-cache/);
    refused({ policy: 'calibrated' }, /factors is missing; .* for policy calibrated/);
    refused({ policy: 'learning-to-cache' }, /table is missing; .* for policy learning-to-cache/);
    refused({ policy: 'searched' }, /errors is missing; .* for policy searched/);
    refused({ policy: 'mixed', budget: 1 }, /errors is missing; .* for policy mixed/);
    refused({ policy: 'reuse', form: 'output' }, /cache form is 'output'; expected one of input, rank/);
  });
});
