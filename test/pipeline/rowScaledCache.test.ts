/** Caches in e4m3: what they cost in exactness and save in memory, under every policy that keeps linears. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { FactorSet } from '../../src/cache/data/factorSet.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { relativeL2 } from '../../src/evaluate/metrics/relativeL2.js';
import type { CacheOptions } from '../../src/pipeline/options.js';
import { PRESENT, sharedPipeline } from './tinyPipeline.js';

const STEPS = 8;
/** An element is off by 2.6 % of itself on average, of which the residual stream takes a part. */
const MOST = 0.03;

for (const backend of PRESENT.filter((name) => name !== 'wasm'))
  describe(`caches in e4m3 on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);
    let factors: FactorSet;
    const run = (cache: CacheOptions) => pipeline().generate({ labels: [0, 1, 2], steps: STEPS, cache });

    before(async () => {
      factors = await calibrate(pipeline(), { method: 'svd', rank: 4 });
    });

    const cases: [string, () => CacheOptions][] = [
      ['reuse', () => ({ policy: 'reuse' })],
      ['taylorseer', () => ({ policy: 'taylorseer', order: 1 })],
      ['calibrated', () => ({ policy: 'calibrated', factors })],
      ['calibrated, rank form', () => ({ policy: 'calibrated', factors, form: 'rank' })],
      ['calibrated of order 1', () => ({ policy: 'calibrated', order: 1, factors, period: 3 })],
      ['first-block, calibrated', () => ({ policy: 'first-block', threshold: 10, warmup: 2, factors })],
    ];
    for (const [name, cache] of cases)
      test(name, async () => {
        const [wide, narrow] = [await run(cache()), await run({ ...cache(), type: 'e4m3' })];
        const error = relativeL2(narrow.latents, wide.latents);
        assert.ok(error > 1e-6 && error < MOST, `the latents differ by ${error}`);
        assert.ok(narrow.report.memory.cache < 0.6 * wide.report.memory.cache);
        assert.equal(narrow.report.macs, wide.report.macs);
      });
  });

describe('caches in e4m3 on wasm', { skip: !PRESENT.includes('wasm') && 'it is absent' }, () => {
  const pipeline = sharedPipeline('wasm');
  test('are refused', () =>
    assert.rejects(
      pipeline().generate({ labels: [0], steps: 2, cache: { policy: 'reuse', type: 'e4m3' } }),
      /type is 'e4m3'; expected one of f32, i32$/,
    ));
});
