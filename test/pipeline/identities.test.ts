/** What must be the same whatever the way: each case compares two trajectories of a random model. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { FactorSet } from '../../src/cache/data/factorSet.js';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import type { CacheOptions, CacheParameters } from '../../src/pipeline/options.js';
import { assertClose, relativeL2 } from '../support/compare.js';
import { TINY, TINY_NETWORK } from '../support/tinyModel.js';
import { assertDiffer, assertSame, PRESENT, sharedPipeline } from './tinyPipeline.js';

const STEPS = 6;
/** min(Ci, Co) of every linear of the tiny model. */
const FULL_RANK = TINY.hiddenSize;

/** q gathers while k and v scatter, one layer is always full, block 1 has a rhythm of its own. */
function mixedRule(step: number, layer: string): boolean {
  if (layer === 'blocks.0.fc1') return true;
  if (layer.startsWith('blocks.1.')) return step % 3 === 0;
  return layer.endsWith('.q') ? step % 2 === 1 : step % 4 === 0;
}

/** fc1 and fc2 of block 0 are both calibrated now and then, but not at the same steps: block 1 has one MLP. */
function apartRule(step: number, layer: string): boolean {
  return layer === 'blocks.0.fc2' ? step % 3 === 0 : step % 2 === 0;
}

for (const backend of PRESENT)
  describe(`identities on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);
    let factors: Record<'full' | 'low' | 'none' | 'mixed' | 'noEnds', FactorSet>;
    let full: Float32Array;
    let reuse: Float32Array;
    let low: Float32Array;

    const run = async (cache: CacheOptions) =>
      (await pipeline().generate({ labels: [0, 1, 2], steps: STEPS, cache })).latents;

    before(async () => {
      const svd = (rank: number | ((layer: string) => number)) =>
        calibrate(pipeline(), { method: 'svd', rank });
      factors = {
        full: await svd(FULL_RANK),
        low: await svd(4),
        none: await svd(0),
        mixed: await svd((layer) => (layer.endsWith('fc1') ? 0 : layer.endsWith('q') ? 7 : 3)),
        noEnds: await svd((layer) => (/proj|fc2/.test(layer) ? 0 : 4)),
      };
      full = await run({ policy: 'none' });
      reuse = await run({ policy: 'reuse', period: 2 });
      low = await run({ policy: 'calibrated', period: 2, factors: factors.low });
    });

    test('the policies differ at all, and calibration is nearer to the full run', () => {
      const [far, near] = [relativeL2(reuse, full), relativeL2(low, full)];
      assert.ok(far > 0.01 && near > 0.001, `reuse is off by ${far}, calibration by ${near}`);
      assert.ok(near < far, `calibration is off by ${near}, reuse by ${far}`);
    });

    test('factors of full rank give the uncached trajectory', async () => {
      for (const form of ['input', 'rank'] as const)
        for (const period of [2, STEPS])
          assertClose(
            await run({ policy: 'calibrated', period, factors: factors.full, form }),
            full,
            1e-3,
            `${form}, period ${period}`,
          );
    });

    test('a period of 1 is no cache', async () => {
      assertSame(await run({ policy: 'reuse', period: 1 }), full);
      assertSame(await run({ policy: 'calibrated', period: 1, factors: factors.low }), full);
    });

    test('gathering everywhere is no cache', async () => {
      for (const granularity of ['linear', 'sublayer', 'block'] as const) {
        const layers = scheduleLayers(TINY_NETWORK, granularity);
        const schedule = Schedule.fromRule(layers, STEPS, () => true);
        assertSame(await run({ policy: 'reuse', schedule }), full, granularity);
        assertSame(await run({ policy: 'calibrated', factors: factors.low, schedule }), full, granularity);
      }
    });

    test('rank 0 is reuse, and so it is at the ends of the sublayers alone', async () => {
      assertSame(await run({ policy: 'calibrated', period: 2, factors: factors.none }), reuse);
      assertSame(await run({ policy: 'calibrated', period: 2, factors: factors.noEnds }), reuse);
    });

    test('uniform rules are the same at every granularity, and the same as periods and steps', async () => {
      for (const [policy, expected] of [
        ['reuse', reuse],
        ['calibrated', low],
      ] as const) {
        const set = policy === 'calibrated' && { factors: factors.low };
        const same = (options: CacheParameters) => run({ policy, ...set, ...options } as CacheOptions);
        for (const granularity of ['linear', 'sublayer', 'block'] as const) {
          assertSame(await same({ granularity, rule: (step) => step % 2 === 0 }), expected, granularity);
          assertSame(await same({ granularity, gatherSteps: [4, 2, 0] }), expected, granularity);
          const schedule = Schedule.fromPeriod(scheduleLayers(TINY_NETWORK, granularity), STEPS, 2);
          assertSame(await same({ schedule }), expected, granularity);
        }
      }
    });

    test('the rank form is the input form, in less memory', async () => {
      for (const [name, set] of Object.entries({ low: factors.low, mixed: factors.mixed }))
        for (const rule of [(step: number) => step % 2 === 0, mixedRule, apartRule]) {
          const cache: CacheOptions = { policy: 'calibrated', factors: set, rule };
          assertClose(await run({ ...cache, form: 'rank' }), await run(cache), 1e-4, name);
          const memoryOf = (form: 'input' | 'rank') =>
            pipeline().plan({ labels: [0], steps: STEPS, cache: { ...cache, form } }).memory.cache;
          assert.ok(memoryOf('rank') < memoryOf('input'));
        }
    });

    test('layers may each have a schedule of their own', async () => {
      const uniform = new Map<string, Float32Array>([
        ['full', full],
        ['reuse', reuse],
        ['low', low],
      ]);
      const caches: CacheOptions[] = [
        { policy: 'reuse', rule: mixedRule },
        { policy: 'calibrated', factors: factors.low, rule: mixedRule },
        { policy: 'calibrated', factors: factors.low, rule: apartRule },
        { policy: 'calibrated', factors: factors.mixed, rule: mixedRule },
      ];
      for (const cache of caches) {
        const latents = await run(cache);
        assert.ok(latents.every(Number.isFinite));
        for (const [name, other] of uniform) assertDiffer(latents, other, name);
        assert.ok(
          relativeL2(latents, full) < relativeL2(new Float32Array(full.length), full),
          'worse than nothing',
        );
      }
      // Full rank is exact whatever is gathered when.
      for (const rule of [mixedRule, apartRule]) {
        const exact = await run({ policy: 'calibrated', factors: factors.full, rule });
        assertClose(exact, full, 1e-3, `${rule.name}, full rank`);
      }
    });

    test('released factors are loaded again when they are used again', async () => {
      const cache: CacheOptions = { policy: 'calibrated', period: 2, factors: factors.low };
      await run(cache);
      const loaded = pipeline().weights.bytes;
      pipeline().releaseFactors(factors.low);
      assert.ok(pipeline().weights.bytes < loaded);
      assertSame(await run(cache), low);
      assert.equal(pipeline().weights.bytes, loaded);
    });
  });

describe('backends agree', () => {
  const [first, ...others] = PRESENT.map((backend) => sharedPipeline(backend));
  for (const [i, other] of others.entries())
    test(`${PRESENT[0]} and ${PRESENT[i + 1]} on mixed schedules`, async () => {
      const factors = await calibrate(first!(), {
        method: 'svd',
        rank: (layer) => (layer.endsWith('v') ? 0 : 5),
      });
      const caches: CacheOptions[] = [
        { policy: 'reuse', rule: mixedRule },
        { policy: 'calibrated', factors, rule: mixedRule },
      ];
      for (const cache of caches) {
        const options = { labels: [0, 1], steps: STEPS, cache };
        const [a, b] = [await first!().generate(options), await other().generate(options)];
        assertClose(a.latents, b.latents, 1e-4, cache.policy!);
      }
    });
});
