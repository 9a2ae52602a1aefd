/** TaylorSeer as a whole run: its schedule, and the cases in which it is another policy. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CacheOptions } from '../../src/pipeline/options.js';
import { assertDiffer, assertSame, PRESENT, sharedPipeline } from './tinyPipeline.js';

const STEPS = 9;

for (const backend of PRESENT)
  describe(`taylorseer on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);
    const run = (cache: CacheOptions) =>
      pipeline().generate({ labels: [0, 1, 2], steps: STEPS, guidanceScale: 2, cache });

    test('of order 0 it is reuse on the same steps', async () => {
      const series = await run({ policy: 'taylorseer', period: 3, order: 0 });
      const reused = await run({ policy: 'reuse', gatherSteps: [0, 1, 4, 7] });
      assertSame(series.latents, reused.latents);
      assert.equal(series.report.macs, reused.report.macs);
    });

    test('at given steps it is that of a period with the same', async () => {
      const given = await run({ policy: 'taylorseer', gatherSteps: [0, 1, 4, 7], order: 2 });
      assertSame(given.latents, (await run({ policy: 'taylorseer', period: 3, order: 2 })).latents);
    });

    test('each order gives something else, at the same cost', async () => {
      const [zero, one, two] = await Promise.all(
        [0, 1, 2].map((order) => run({ policy: 'taylorseer', period: 3, order })),
      );
      assertDiffer(one!.latents, zero!.latents);
      assertDiffer(two!.latents, one!.latents);
      assert.equal(one!.report.macs, zero!.report.macs);
      assert.ok(two!.report.memory.cache > one!.report.memory.cache);
    });

    test('the published form is the default, and differs from the other where an order has more than a line', async () => {
      const of = (order: number, basis?: 'newton' | 'taylor') =>
        run({ policy: 'taylorseer', period: 3, order, ...(basis && { basis }) });
      assertDiffer((await of(2, 'newton')).latents, (await of(2, 'taylor')).latents);
      assertSame((await of(2)).latents, (await of(2, 'taylor')).latents);
      assertSame((await of(1, 'newton')).latents, (await of(1, 'taylor')).latents);
    });

    test('of period 1 it is no cache, and keeps nothing', async () => {
      const { latents, report } = await run({ policy: 'taylorseer', period: 1, order: 2 });
      assertSame(latents, (await run({ policy: 'none' })).latents);
      assert.equal(report.memory.cache, 0);
    });
  });

describe('parameters of taylorseer', () => {
  const pipeline = sharedPipeline('reference');
  for (const [cache, message] of [
    [{ order: 4 }, /order is 4; expected/],
    [{ order: 0.5 }, /order is 0.5; expected/],
    [{ period: 0 }, /period is 0; expected/],
    [{ warmup: 0 }, /warmup is 0; expected/],
    [{ basis: 'legendre' as never }, /basis is 'legendre'; expected one of taylor, newton, hermite, foca/],
  ] as const)
    test(`${JSON.stringify(cache)} is refused`, () => {
      const options = { labels: [0], steps: STEPS, cache: { policy: 'taylorseer', ...cache } } as const;
      assert.throws(() => pipeline().plan(options), { name: 'ArgumentError', message });
    });
});
