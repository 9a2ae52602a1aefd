/** The pipeline as callers meet it: steps, stopping, memory, the independence of images. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { IncacheError } from '../../src/errors.js';
import { tensorShapes } from '../../src/models/dit/config.js';
import type { CacheOptions, SampleOptions } from '../../src/pipeline/options.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';
import type { SampleStep } from '../../src/pipeline/result.js';
import { bufferBytes, elementBytes } from '../../src/plan/types.js';
import { TINY } from '../support/tinyModel.js';
import {
  assertDiffer,
  assertSame,
  memoryInUse,
  PRESENT,
  sharedPipeline,
  withTinyPipeline,
} from './tinyPipeline.js';

const SIZE = TINY.inChannels * TINY.inputSize ** 2;
const OPTIONS: SampleOptions = { labels: [0, 1, 2], steps: 4, cache: { policy: 'reuse', period: 2 } };

const latentsOf = async (pipeline: Pipeline, options: SampleOptions) =>
  (await pipeline.generate(options)).latents;

/** Image `image` of a run. */
const imageOf = (latents: Float32Array, image: number) => latents.subarray(image * SIZE, (image + 1) * SIZE);

for (const backend of PRESENT) {
  describe(`steps on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);

    test('come in order, each with its figures, and then the result', async () => {
      const run = pipeline().sample({ ...OPTIONS, batch: 2 });
      const steps: SampleStep[] = [];
      let next = await run.next();
      for (; !next.done; next = await run.next()) steps.push(next.value);
      assert.deepEqual(
        steps.map(({ batch, index }) => [batch, index]),
        [0, 1].flatMap((batch) => [0, 1, 2, 3].map((index) => [batch, index])),
      );
      for (const { steps: all, batches, milliseconds, macs } of steps) {
        assert.deepEqual([all, batches], [4, 2]);
        assert.ok(milliseconds > 0 && macs > 0);
      }
      const timesteps = steps.slice(0, 4).map(({ timestep }) => timestep);
      assert.deepEqual(
        timesteps,
        timesteps.toSorted((a, b) => b - a),
        'timesteps descend',
      );
      assert.ok(steps[1]!.macs < steps[0]!.macs, 'a scattered step costs less than a gathered one');
      assert.equal(steps[2]!.macs, steps[0]!.macs);
      const { shape, latents, report } = next.value;
      assert.deepEqual(shape, [3, TINY.inChannels, TINY.inputSize, TINY.inputSize]);
      assert.equal(latents.length, 3 * SIZE);
      assert.deepEqual([report.images, report.steps], [3, 4]);
      assert.ok(report.macs > steps.reduce((sum, { macs }) => sum + macs, 0), 'conditioning is counted too');
    });

    test('latents() is a copy of the moment, and refused when the moment has passed', async () => {
      const run = pipeline().sample(OPTIONS);
      const first = (await run.next()).value as SampleStep;
      const copy = first.latents();
      assertSame(first.latents(), copy);
      copy.fill(0);
      assertDiffer(first.latents(), copy);
      const second = (await run.next()).value as SampleStep;
      assert.throws(() => first.latents(), {
        name: 'IncacheError',
        message: /step 0 .* before the next step/,
      });
      let last = second.latents();
      for (let next = await run.next(); ; next = await run.next()) {
        if (next.done) {
          assertSame(next.value.latents, last, 'the result and the last step');
          break;
        }
        assertDiffer(next.value.latents(), last);
        last = next.value.latents();
      }
    });

    test('generate is sample to the end', async () => {
      const seen: number[] = [];
      const result = await pipeline().generate(OPTIONS, ({ index }) => seen.push(index));
      assert.deepEqual(seen, [0, 1, 2, 3]);
      const run = pipeline().sample(OPTIONS);
      let next = await run.next();
      while (!next.done) next = await run.next();
      assertSame(result.latents, next.value.latents);
    });
  });

  describe(`images on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);
    const samplers: SampleOptions[] = [
      OPTIONS,
      { ...OPTIONS, sampler: 'ddim', eta: 1 },
      { ...OPTIONS, sampler: 'ddpm' },
      { ...OPTIONS, sampler: 'dpm++2m' },
    ];
    for (const options of samplers)
      test(`do not depend on their company (${options.sampler ?? ''} eta ${options.eta ?? 0})`, async () => {
        const all = await latentsOf(pipeline(), options);
        for (const batch of [1, 2])
          assertSame(await latentsOf(pipeline(), { ...options, batch }), all, `batch ${batch}`);
        const alone = await latentsOf(pipeline(), { ...options, labels: [1], firstImage: 1 });
        assertSame(alone, imageOf(all, 1), 'image 1 alone');
        const others = await latentsOf(pipeline(), { ...options, labels: [2, 1, 0, 0] });
        assertSame(imageOf(others, 1), imageOf(all, 1), 'image 1 among others');
        assertDiffer(imageOf(others, 0), imageOf(all, 0), 'images of other labels');
      });

    test('depend on the seed', async () => {
      const [a, b, again] = await Promise.all(
        [0, 1, 0].map((seed) => latentsOf(pipeline(), { ...OPTIONS, seed })),
      );
      assertSame(again!, a!);
      assertDiffer(b!, a!);
    });

    test('start from the noise that is given, which is left as it is', async () => {
      const noise = Float32Array.from({ length: 3 * SIZE }, (_, i) => Math.sin(i));
      const copy = noise.slice();
      const latents = await latentsOf(pipeline(), { ...OPTIONS, noise });
      assertSame(noise, copy, 'the noise');
      assertSame(await latentsOf(pipeline(), { ...OPTIONS, noise, seed: 9 }), latents);
      noise[0] = 2;
      assertDiffer(await latentsOf(pipeline(), { ...OPTIONS, noise }), latents);
    });

    test('a guidance scale of 1 is none: half the sequences, the same images as hardly more than 1', async () => {
      const unguided = { ...OPTIONS, cache: {}, guidanceScale: 1 };
      assert.equal(pipeline().plan(unguided).sequences, 3);
      assert.equal(pipeline().plan({ ...unguided, guidanceScale: 1.5 }).sequences, 6);
      const plain = await latentsOf(pipeline(), unguided);
      const guided = await latentsOf(pipeline(), { ...unguided, guidanceScale: 1 + 2 ** -50 });
      for (const [i, value] of plain.entries())
        assert.ok(Math.abs(guided[i]! - value) <= 1e-4 * (1 + Math.abs(value)), `element ${i}`);
      assertDiffer(await latentsOf(pipeline(), { ...unguided, guidanceScale: 1.5 }), plain);
    });

    test('every sampler runs, with one step and with many', async () => {
      const seen: Float32Array[] = [];
      for (const settings of [
        { sampler: 'ddim' },
        { sampler: 'ddim', eta: 0.5 },
        { sampler: 'ddpm' },
        { sampler: 'ddpm', variance: 'fixed-large' },
        { sampler: 'euler' },
        { sampler: 'ddim', spacing: 'trailing' },
        { sampler: 'dpm++2m' },
      ] as const)
        for (const steps of [1, 7]) {
          const latents = await latentsOf(pipeline(), { ...OPTIONS, ...settings, steps });
          assert.ok(latents.every(Number.isFinite), `${settings.sampler}, ${steps} steps`);
          if (steps === 7) for (const other of seen) assertDiffer(latents, other);
          if (steps === 7) seen.push(latents);
        }
    });
  });

  describe(`refusals on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);
    const cases: readonly (readonly [change: Partial<SampleOptions>, argument: string])[] = [
      [{ labels: [] }, 'labels'],
      [{ labels: [TINY.classes + 1] }, 'label'],
      [{ labels: [0.5] }, 'label'],
      [{ steps: 0 }, 'steps'],
      [{ guidanceScale: Number.NaN }, 'guidanceScale'],
      [{ guidanceChannels: 2 }, 'guidanceChannels'],
      [{ seed: -1 }, 'seed'],
      [{ firstImage: 2 ** 32 }, 'firstImage'],
      [{ batch: 0 }, 'batch'],
      [{ noise: new Float32Array(1) }, 'noise'],
      [{ noise: new Float32Array(3 * SIZE).fill(Number.NaN, 5) }, 'noise[5]'],
      [{ cache: { policy: 'calibrated' } as CacheOptions }, 'factors'],
      [{ cache: { policy: 'reuse', period: 0 } }, 'period'],
      [{ sampler: 'heun' as 'ddim' }, 'sampler'],
    ];
    for (const [change, argument] of cases)
      test(`${argument} of ${JSON.stringify(change).slice(0, 60)}`, async () => {
        const before = memoryInUse(pipeline());
        await assert.rejects(pipeline().generate({ ...OPTIONS, ...change }), {
          name: 'ArgumentError',
          argument,
        });
        assert.equal(memoryInUse(pipeline()), before);
      });
  });

  describe(`memory on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);

    test('leaving the loop frees what the run took', async () => {
      await pipeline().generate(OPTIONS);
      const before = memoryInUse(pipeline());
      for await (const { index } of pipeline().sample(OPTIONS)) {
        assert.ok(memoryInUse(pipeline()) > before);
        if (index === 1) break;
      }
      assert.equal(memoryInUse(pipeline()), before);
      await assert.rejects(async () => {
        for await (const _ of pipeline().sample(OPTIONS)) throw new Error('of the caller');
      }, /of the caller/);
      assert.equal(memoryInUse(pipeline()), before);
    });

    test('stays flat over many runs', async () => {
      await pipeline().generate(OPTIONS);
      const before = memoryInUse(pipeline());
      for (let run = 0; run < 30; run++) await pipeline().generate({ ...OPTIONS, steps: 3, seed: run });
      assert.equal(memoryInUse(pipeline()), before);
    });

    test('two runs at once give what they give alone', async () => {
      const [a, b] = [
        { ...OPTIONS, seed: 1 },
        { ...OPTIONS, labels: [2, 0], cache: {} },
      ];
      const alone = [await latentsOf(pipeline(), a), await latentsOf(pipeline(), b)];
      const before = memoryInUse(pipeline());
      const together = await Promise.all([latentsOf(pipeline(), a), latentsOf(pipeline(), b)]);
      assertSame(together[0], alone[0]!);
      assertSame(together[1], alone[1]!);
      assert.equal(memoryInUse(pipeline()), before);
    });
  });

  describe(`stopping on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);
    const reason = new Error('the caller has seen enough');

    test('a signal given before throws its reason, and nothing is taken', async () => {
      const before = memoryInUse(pipeline());
      const run = pipeline().generate({ ...OPTIONS, signal: AbortSignal.abort(reason) });
      await assert.rejects(run, (error) => error === reason);
      assert.equal(memoryInUse(pipeline()), before);
    });

    test('a signal given between steps throws its reason before the next one', async () => {
      await pipeline().generate(OPTIONS);
      const before = memoryInUse(pipeline());
      const controller = new AbortController();
      const seen: number[] = [];
      const run = pipeline().generate(
        { ...OPTIONS, batch: 1, signal: controller.signal },
        ({ batch, index }) => {
          seen.push(index);
          if (batch === 1 && index === 2) controller.abort(reason);
        },
      );
      await assert.rejects(run, (error) => error === reason);
      assert.deepEqual(seen, [0, 1, 2, 3, 0, 1, 2]);
      assert.equal(memoryInUse(pipeline()), before);
    });

    test('timers run between steps', async () => {
      const run = pipeline().generate({ ...OPTIONS, steps: 1000, signal: AbortSignal.timeout(30) });
      await assert.rejects(run, { name: 'TimeoutError' });
    });
  });

  describe(`a disposed pipeline on ${backend}`, () => {
    const refused = { name: 'IncacheError', message: /has been disposed/ };

    test('says so', async () => {
      const disposed = await withTinyPipeline(backend, {}, async (pipeline) => {
        await pipeline.generate(OPTIONS);
        return pipeline;
      });
      await assert.rejects(disposed.generate(OPTIONS), refused);
      await assert.rejects(disposed.sample(OPTIONS).next(), refused);
      assert.throws(() => disposed.plan(OPTIONS), refused);
      await disposed.dispose();
    });

    test('ends the run that is under way', async () => {
      let run: Promise<unknown> | undefined;
      await withTinyPipeline(backend, {}, async (pipeline) => {
        run = pipeline.generate({ ...OPTIONS, steps: 1000 }).catch((error: unknown) => error);
        await sleep(50);
      });
      const error = await run;
      assert.ok(error instanceof IncacheError, `${error}`);
      assert.match(error.message, /disposed/);
    });
  });

  describe(`weights on ${backend}`, () => {
    const config = { depth: 1 };
    for (const name of tensorShapes({ ...TINY, ...config }).keys())
      test(`NaN in ${name} is found and named`, async () => {
        await withTinyPipeline(
          backend,
          {
            config,
            change: (tensors) => {
              (tensors.get(name)!.data as Float32Array)[1] = Number.NaN;
            },
          },
          async (pipeline) => {
            const refused = {
              name: 'IncacheError',
              message: new RegExp(`'${name}' holds NaN at element 1;`),
            };
            await assert.rejects(pipeline.generate(OPTIONS), refused);
            const once = memoryInUse(pipeline);
            await assert.rejects(pipeline.generate(OPTIONS), refused);
            assert.equal(memoryInUse(pipeline), once, 'a failed run takes nothing');
          },
        );
      });
  });
}

/** Plans are checked against the one backend that counts arenas, as devices with memory of their own do. */
describe('plan()', () => {
  const pipeline = sharedPipeline('wasm');
  const ALIGNMENT = 64;
  /** What an operation may take in the program, generously. */
  const PROGRAM_BYTES = 192;

  for (const cache of [{}, { policy: 'reuse', period: 2 }] as const)
    test(`says before what is then taken (${JSON.stringify(cache)})`, async () => {
      const options = { ...OPTIONS, labels: [0, 1, 2, 0], cache };
      await pipeline().generate(options);
      const before = memoryInUse(pipeline());
      const { memory, conditioning, plans } = pipeline().plan(options);
      assert.equal(memoryInUse(pipeline()), before, 'planning takes nothing');
      let during = 0;
      for await (const _ of pipeline().sample(options)) during = memoryInUse(pipeline()) - before;
      const buffers = [conditioning, ...plans].flatMap((plan) => plan.buffers);
      const inOut = new Map(
        buffers
          .filter(({ role }) => role === 'input' || role === 'output')
          .map((buffer) => [buffer.name, bufferBytes(buffer)]),
      );
      const said =
        memory.cache + memory.modulation + memory.arena + [...inOut.values()].reduce((a, b) => a + b, 0);
      const operations = [conditioning, ...plans].reduce((count, { ops }) => count + ops.length, 0);
      const slack = ALIGNMENT * (inOut.size + 10) + PROGRAM_BYTES * operations;
      assert.ok(during >= said && during <= said + slack, `${during} bytes; said ${said}, slack ${slack}`);
      if (cache.policy) {
        // Two blocks, two sublayers, outputs of 8 sequences of 16 tokens.
        assert.equal(memory.cache, 2 * 2 * 8 * 16 * TINY.hiddenSize * elementBytes('f32'));
        assert.ok(slack < memory.cache, 'the cache would be missed');
      } else assert.equal(memory.cache, 0);
    });
});

describe('a trajectory longer than the table of modulation vectors', () => {
  // One token an image and many classes: much conditioning, little else.
  const config = { inputSize: 2, hiddenSize: 16, heads: 1, depth: 60, mlpSize: 16, classes: 64 };
  const pipeline = sharedPipeline('wasm', { config });

  test('fills it several times, and gives the same images as one that fits', async () => {
    const options = { labels: Array.from({ length: 64 }, (_, label) => label), steps: 50, cache: {} };
    const long = { ...options, batch: 64 };
    const short = { ...options, batch: 8 };
    assert.ok(pipeline().plan(long).chunkSteps < 50);
    assert.equal(pipeline().plan(short).chunkSteps, 50);
    assertSame(await latentsOf(pipeline(), long), await latentsOf(pipeline(), short));
  });
});
