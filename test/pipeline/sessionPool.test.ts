/** A run leaves its session to the next one like it, which gives the bits of a new session and sets up nothing. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DeviceTensor } from '../../src/backend/backend.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import type { CacheOptions, SampleOptions } from '../../src/pipeline/options.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';
import { assertSame, memoryInUse, PRESENT, withTinyPipeline } from './tinyPipeline.js';

const OPTIONS = { labels: [1, 0, 2], steps: 5, seed: 7, batch: 2 } as const;

const CACHES: Record<string, CacheOptions> = {
  none: {},
  reuse: { policy: 'reuse', period: 2 },
  'gather steps': { policy: 'reuse', gatherSteps: [0, 3] },
  taylorseer: { policy: 'taylorseer', period: 2, order: 1 },
  teacache: { policy: 'teacache', threshold: 0.3 },
  'first-block': { policy: 'first-block', threshold: 0.3, warmup: 1 },
  fastcache: { policy: 'fastcache', threshold: 0.3 },
};

const latentsOf = async (pipeline: Pipeline, options: SampleOptions) =>
  (await pipeline.generate(options)).latents;

/** Counts what a pipeline takes of its device, and knows the tensors. */
function watch({ device }: Pipeline) {
  const tensors: DeviceTensor[] = [];
  const seen = { compiled: 0, tensors };
  const { compile, allocate } = device;
  device.compile = (...given) => {
    seen.compiled++;
    return compile.apply(device, given);
  };
  device.allocate = (...given) => {
    tensors.push(allocate.apply(device, given));
    return tensors.at(-1)!;
  };
  return seen;
}

async function poison(tensors: readonly DeviceTensor[]): Promise<void> {
  for (const tensor of tensors) {
    const length = tensor.rows * tensor.columns;
    await tensor.write(
      tensor.type === 'i32' ? new Int32Array(length).fill(-1) : new Float32Array(length).fill(Number.NaN),
    );
  }
}

for (const backend of PRESENT.filter((name) => name !== 'cuda'))
  describe(`sessions on ${backend}`, () => {
    const withPipeline = (use: (pipeline: Pipeline) => Promise<void>) => withTinyPipeline(backend, {}, use);

    for (const [name, cache] of Object.entries(CACHES))
      test(`${name}: a session that was used before, its tensors poisoned, gives the bits of a new one`, async () => {
        await withPipeline(async (pipeline) => {
          const seen = watch(pipeline);
          const options = { ...OPTIONS, cache };
          const fresh = await latentsOf(pipeline, options);
          const { created } = pipeline.sessionCounts;
          const [compiled, allocated] = [seen.compiled, seen.tensors.length];
          await poison(seen.tensors);
          assertSame(await latentsOf(pipeline, options), fresh);
          assert.deepEqual(
            [seen.compiled, seen.tensors.length],
            [compiled, allocated],
            'something was set up',
          );
          assert.equal(pipeline.sessionCounts.created, created);
          assert.equal(pipeline.sessionCounts.reused, created);
        });
      });

    test('with factors too, until they are released', async () => {
      await withPipeline(async (pipeline) => {
        const factors = await calibrate(pipeline, { method: 'svd', rank: 2 });
        pipeline.releaseSessions();
        const seen = watch(pipeline);
        const options = { ...OPTIONS, batch: 3, cache: { policy: 'calibrated', factors } } as const;
        const fresh = await latentsOf(pipeline, options);
        await poison(seen.tensors);
        const { compiled } = seen;
        assertSame(await latentsOf(pipeline, options), fresh);
        assert.equal(seen.compiled, compiled);
        pipeline.releaseFactors(factors);
        assert.equal(pipeline.sessionCounts.idle, 0, 'a session without its weights is kept');
        assertSame(await latentsOf(pipeline, options), fresh);
      });
    });

    test('what is drawn may differ; what decides the plans may not', async () => {
      await withPipeline(async (pipeline) => {
        const base: SampleOptions = { labels: [1, 2], steps: 3, cache: { policy: 'reuse', period: 2 } };
        await latentsOf(pipeline, base);
        const created = async (options: SampleOptions) => {
          const before = pipeline.sessionCounts.created;
          await latentsOf(pipeline, options);
          return pipeline.sessionCounts.created - before;
        };
        const noise = await latentsOf(pipeline, base);
        for (const same of [
          { labels: [0, 1] },
          { seed: 5 },
          { firstImage: 9 },
          { noise },
          { guidanceScale: 3 },
        ])
          assert.equal(await created({ ...base, ...same }), 0, JSON.stringify(same));
        const others: Partial<SampleOptions>[] = [
          ...[4, 5, 6, 7].map((steps) => ({ steps })),
          { guidanceScale: 1 },
          { labels: [1, 2, 0] },
          { cache: { policy: 'reuse', period: 3 } },
          { cache: { policy: 'reuse', period: 2, form: 'rank' } },
        ];
        for (const other of others)
          assert.equal(await created({ ...base, ...other }), 1, JSON.stringify(other));
        assert.ok(pipeline.sessionCounts.idle <= 8, 'they pile up');
        const rule: SampleOptions = { ...base, cache: { policy: 'reuse', rule: (step) => step % 2 === 0 } };
        assert.equal(await created(rule), 1);
        assert.equal(await created(rule), 1, 'what a function will say is not known');
      });
    });

    test('runs at once have one each, and leave both', async () => {
      await withPipeline(async (pipeline) => {
        const options = { ...OPTIONS, batch: 3, cache: CACHES.reuse! };
        const alone = await latentsOf(pipeline, options);
        for (let round = 0; round < 2; round++)
          for (const latents of await Promise.all([1, 2].map(() => latentsOf(pipeline, options))))
            assertSame(latents, alone);
        assert.deepEqual(pipeline.sessionCounts, { created: 2, reused: 3, idle: 2 });
      });
    });

    test('event-loop-blocked: runs that begin at once are set up in turns of the event loop of their own', async () => {
      await withPipeline(async (pipeline) => {
        const seen = watch(pipeline);
        let turns = 0;
        let running = true;
        const counting = (async () => {
          for (; running; turns++) await new Promise((resolve) => setImmediate(resolve));
        })();
        const setUps: number[] = [];
        const { allocate } = pipeline.device;
        let before = -1;
        pipeline.device.allocate = (...given) => {
          if (turns !== before) setUps.push(turns);
          before = turns;
          return allocate.apply(pipeline.device, given);
        };
        await Promise.all([1, 2, 3].map((seed) => pipeline.generate({ ...OPTIONS, batch: 3, seed })));
        running = false;
        await counting;
        assert.ok(seen.compiled >= 6);
        assert.ok(setUps.length >= 3, `tensors were taken in ${setUps.length} turns`);
      });
    });

    test('the session of a run that has failed is not kept, that of a loop that was left is', async () => {
      await withPipeline(async (pipeline) => {
        const reason = new Error('enough');
        const signal = AbortSignal.abort(reason);
        await pipeline.generate(OPTIONS);
        pipeline.releaseSessions();
        const controller = new AbortController();
        const stopped = pipeline.generate({ ...OPTIONS, signal: controller.signal }, () =>
          controller.abort(reason),
        );
        await assert.rejects(stopped, (error) => error === reason);
        await assert.rejects(pipeline.generate({ ...OPTIONS, signal }), (error) => error === reason);
        assert.equal(pipeline.sessionCounts.idle, 0);
        for await (const _ of pipeline.sample(OPTIONS)) break;
        assert.equal(pipeline.sessionCounts.idle, 1);
        const thrown = pipeline.generate(OPTIONS, () => {
          throw reason;
        });
        await assert.rejects(thrown, (error) => error === reason);
        assert.equal(pipeline.sessionCounts.idle, 1, 'the run of a caller that throws keeps it');
      });
    });

    test('they make room when memory is short', async () => {
      await withPipeline(async (pipeline) => {
        const { device } = pipeline;
        const small = { ...OPTIONS, labels: [1], batch: 1 };
        const expected = await latentsOf(pipeline, small);
        const before = memoryInUse(pipeline);
        await pipeline.generate({ ...OPTIONS, batch: 3 });
        assert.equal(pipeline.sessionCounts.idle, 1);
        const kept = device.memoryInUse - before;
        // Enough for the small one alone.
        Object.defineProperty(device, 'memoryLimit', { value: before + kept, configurable: true });
        assertSame(await latentsOf(pipeline, small), expected);
        assert.ok(device.memoryInUse <= before + kept, 'more is in use than there is');
      });
    });

    test('nothing is left of them when the pipeline is closed', async () => {
      await withPipeline(async (pipeline) => {
        await pipeline.generate(OPTIONS);
        const running = pipeline.sample(OPTIONS);
        await running.next();
        await pipeline.dispose();
        await assert.rejects(running.next(), /has been disposed/);
        assert.equal(pipeline.sessionCounts.idle, 0);
        if (backend !== 'wasm') assert.equal(pipeline.device.memoryInUse, 0);
      });
    });
  });
