/** Model files: what is in them, that it is enough to sample with, and what is refused. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { createSampler } from '../../src/diffusion/sampler.js';
import { ArgumentError, IncacheError } from '../../src/errors.js';
import { ExportedPipeline, type ExportedSampleOptions } from '../../src/export/exportedPipeline.js';
import type { ModelHeader } from '../../src/export/format.js';
import { type ExportOptions, exportModel } from '../../src/export/modelFile.js';
import type { CacheOptions, SampleOptions } from '../../src/pipeline/options.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';
import type { Plan } from '../../src/plan/types.js';
import { validatePlan } from '../../src/plan/validate.js';
import { SafetensorsFile } from '../../src/weights/safetensors.js';
import { sharedPipeline, withTinyPipeline } from '../pipeline/tinyPipeline.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { TINY, type TinyModelOptions } from '../support/tinyModel.js';

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);

const headerOf = (file: SafetensorsFile): ModelHeader => JSON.parse(file.metadata.incache!);

const sampleFile = async (file: string, options: ExportedSampleOptions): Promise<Float32Array> => {
  await using exported = await ExportedPipeline.load(file, { backend: 'wasm', threads: 2 });
  return (await exported.generateLatents(options)).latents;
};

const lowRank = (pipeline: Pipeline) => calibrate(pipeline, { method: 'svd', rank: 4 });

describe('a program that has nothing but the file', () => {
  /** Follows the file and the pipeline; the same latents must come of both. */
  async function compare(name: string, pipeline: Pipeline, options: SampleOptions): Promise<void> {
    const file = path(`${name}.incache`);
    const { labels = [], ...run } = options;
    await exportModel(pipeline, file, { ...(run as ExportOptions), images: labels.length });
    const request = { labels, seed: 7, firstImage: 3 };
    const { latents } = await pipeline.generate({ ...run, ...request, batch: labels.length });
    assertClose(await sampleFile(file, request), latents, 1e-5, name);
  }

  test('calibrated ddim, guided, labels twice', async () => {
    await withTinyPipeline('wasm', {}, async (pipeline) => {
      const factors = await lowRank(pipeline);
      for (const form of ['input', 'rank'] as const) {
        const cache = { policy: 'calibrated', period: 2, factors, form } as const;
        await compare('calibrated', pipeline, { labels: [2, 0, 2], steps: 7, cache });
      }
    });
  });

  test('reuse with ddpm and learned variance, two channels of which one is guided', async () => {
    await withTinyPipeline('wasm', { config: { inChannels: 2 } }, (pipeline) =>
      compare('reuse', pipeline, {
        labels: [1, 0],
        steps: 8,
        sampler: 'ddpm',
        guidanceScale: 2.5,
        guidanceChannels: 1,
        cache: { policy: 'reuse', period: 3 },
      }),
    );
  });

  test('dpm++2m, uncached and unguided, with several fillings of the modulation table', async () => {
    const config = { inputSize: 4, hiddenSize: 16, mlpSize: 32, depth: 8 };
    await withTinyPipeline('wasm', { config }, async (pipeline) => {
      const labels = Array.from({ length: 1500 }, (_, i) => i % TINY.classes);
      const options = { labels, steps: 32, sampler: 'dpm++2m', guidanceScale: 1 } as const;
      await compare('chunks', pipeline, options);
      using file = SafetensorsFile.open(path('chunks.incache'));
      const { chunkSteps, guided, labelRows } = headerOf(file);
      // The last filling is not a full one.
      assert.ok(chunkSteps < 16 && options.steps % chunkSteps !== 0, `a table of ${chunkSteps} steps`);
      assert.deepEqual([guided, labelRows], [false, labels.length]);
    });
  });

  for (const [name, sampling] of Object.entries({
    'ddpm that follows a model without variance': { sampler: 'ddpm' },
    "Euler's method with trailing timesteps": { sampler: 'euler', spacing: 'trailing' },
    'a scheduler that clips x0': { scheduler: { _class_name: 'DDIMScheduler', clip_sample_range: 0.5 } },
    'a solver of order 3': { sampler: 'dpm++2m', scheduler: { solver_order: 3 } },
    'a solver by its configuration': {
      sampler: 'dpm++2m',
      scheduler: { solver_type: 'heun', use_karras_sigmas: true, prediction_type: 'v_prediction' },
    },
  } as const))
    test(name, async () => {
      await withTinyPipeline('wasm', { config: { learnSigma: false } }, (pipeline) =>
        compare('scheduled', pipeline, { labels: [1, 2], steps: 6, ...sampling }),
      );
    });

  test('ddim with noise, of a model without variance', async () => {
    await withTinyPipeline('wasm', { config: { learnSigma: false } }, (pipeline) =>
      compare('noisy', pipeline, { labels: [1], steps: 5, eta: 0.7 }),
    );
  });

  test('one in which the table is wrong gets something else', async () => {
    await withTinyPipeline('wasm', {}, async (pipeline) => {
      const labels = [1];
      await exportModel(pipeline, path('other.incache'), { steps: 4, eta: 0.1 });
      const { latents } = await pipeline.generate({ labels, steps: 4 });
      const drawn = await sampleFile(path('other.incache'), { labels, seed: 0, firstImage: 0 });
      assert.throws(() => assertClose(drawn, latents, 1e-3, 'other settings'));
    });
  });
});

describe('the file', () => {
  const pipeline = sharedPipeline('wasm');

  /** Writes it and reads it back. */
  async function exported(options: Partial<ExportOptions> = {}) {
    const cache = { policy: 'calibrated', period: 3, factors: await lowRank(pipeline()) } as const;
    const all = { images: 2, steps: 10, cache, ...options };
    const returned = await exportModel(pipeline(), path('model.incache'), all);
    return { returned, cache, file: SafetensorsFile.open(path('model.incache')) };
  }

  test('says what the run is', async () => {
    const { file, returned } = await exported();
    using _ = file;
    assert.deepEqual(Object.keys(file.metadata), ['incache']);
    const header = headerOf(file);
    assert.deepEqual(header, returned);
    const { steps, conditioning, plans, chunkSteps, ...rest } = header;
    assert.deepEqual(rest, {
      format: 'incache-model',
      version: 3,
      name: 'calibrated p=3 ddim-10',
      channels: 1,
      height: 8,
      width: 8,
      inputs: [{ name: 'labels', type: 'i32', rows: 1, columns: 1, least: 0, most: 3, unconditional: 3 }],
      learnSigma: true,
      images: 2,
      guidanceScale: 1.5,
      guided: true,
      guidanceChannels: 1,
      labelRows: 3,
      sampler: 'ddim',
    });
    assert.equal(chunkSteps, 10);
    assert.equal(conditioning.name, 'conditioning');
    assert.deepEqual(
      steps.map(({ plan }) => plan),
      [0, 1, 1, 0, 1, 1, 0, 1, 1, 2],
    );
    assert.equal(plans.length, 3);
  });

  test('names its policy, period and sampler', async () => {
    const gatherSteps = { policy: 'reuse', gatherSteps: [0, 5] } as const;
    for (const [options, name] of [
      [{ cache: {}, sampler: 'dpm++2m' }, 'full dpm++2m-10'],
      [{ cache: { policy: 'reuse' } }, 'reuse p=2 ddim-10'],
      [{ cache: gatherSteps, sampler: 'ddpm' }, 'reuse scheduled ddpm-10'],
    ] as const) {
      const { file, returned } = await exported(options);
      file.close();
      assert.equal(returned.name, name);
    }
  });

  test('has the steps of the sampler', async () => {
    for (const settings of [
      { sampler: 'ddim', eta: 0.3 },
      { sampler: 'ddpm' },
      { sampler: 'ddpm', variance: 'fixed-large' },
      { sampler: 'dpm++2m' },
    ] as const) {
      const { file } = await exported(settings);
      using _ = file;
      const { table } = createSampler(settings.sampler, { ...settings, steps: 10 });
      assert.deepEqual(
        headerOf(file).steps.map(({ plan: _, ...step }) => step),
        table,
      );
    }
  });

  test('has valid plans, those of the pipeline but for the rows of labels', async () => {
    const { file, cache } = await exported();
    using _ = file;
    const { conditioning, plans } = headerOf(file);
    for (const plan of [conditioning, ...plans]) validatePlan(plan);
    // Two distinct labels and the null class: as many rows as the file has.
    const own = pipeline().plan({ labels: [0, 1], steps: 10, cache });
    const factorsAside = (all: readonly Plan[]) =>
      JSON.parse(JSON.stringify(all).replaceAll(/factors\.[0-9a-f]{16}\./g, 'factors.'));
    assert.deepEqual([conditioning, ...plans], factorsAside([own.conditioning, ...own.plans]));
  });

  test('has a tensor for every weight of every plan, of as many elements, and no other', async () => {
    const { file, cache } = await exported();
    using _ = file;
    const { conditioning, plans } = headerOf(file);
    const wanted = new Map<string, number>();
    for (const { name, role, rows, columns } of [conditioning, ...plans].flatMap(({ buffers }) => buffers))
      if (role === 'weight') wanted.set(name, rows * columns);
    const found = [...file.tensors].map(
      ([name, { shape }]) => [name, shape.reduce((a, b) => a * b, 1)] as const,
    );
    assert.deepEqual(new Map(found), wanted);
    assert.ok(wanted.has('factors.blocks.0.q.down') && wanted.has('blocks.1.mlp.fc2.weight'));
    for (const name of wanted.keys()) {
      const values = name.startsWith('factors.')
        ? cache.factors.read(name.slice('factors.'.length))
        : pipeline().checkpoint.read(name);
      assert.deepEqual(file.read(name), values, name);
    }
  });

  test('without a cache there are no factors in it', async () => {
    const { file } = await exported({ cache: { policy: 'none' } });
    using _ = file;
    assert.deepEqual(
      [...file.tensors.keys()].filter((name) => name.startsWith('factors.')),
      [],
    );
  });

  test('layers of rank 0 are reused and have no factors', async () => {
    const factors = await calibrate(pipeline(), {
      method: 'svd',
      rank: (layer) => (layer.startsWith('blocks.1.') ? 0 : 2),
    });
    const { file } = await exported({ cache: { policy: 'calibrated', factors } });
    using _ = file;
    const layers = [...file.tensors.keys()].filter((name) => name.startsWith('factors.'));
    assert.equal(layers.length, 12);
    assert.ok(layers.every((name) => name.startsWith('factors.blocks.0.')));
    assert.deepEqual(file.entry('factors.blocks.0.fc1.up').shape, [TINY.mlpSize, 2]);
    assert.deepEqual(file.entry('factors.blocks.0.fc1.down').shape, [2, TINY.hiddenSize]);
  });

  test('has activations and caches of the type that was asked for', async () => {
    const typesOf = async (activations: 'f32' | 'bf16') => {
      const { file } = await exported({ activations });
      using _ = file;
      return new Set(headerOf(file).plans.flatMap(({ buffers }) => buffers.map(({ type }) => type)));
    };
    assert.deepEqual(await typesOf('f32'), new Set(['f32', 'i32']));
    assert.deepEqual(await typesOf('bf16'), new Set(['f32', 'i32', 'bf16']));
  });
});

test('weights keep their bytes in the types that programs read, and others become F32', async () => {
  const change: TinyModelOptions['change'] = (tensors) => {
    const retype = (
      name: string,
      dtype: 'F16' | 'BF16' | 'F64',
      make: (count: number) => ArrayBufferView,
    ) => {
      const { shape } = tensors.get(name)!;
      tensors.set(name, { name, dtype, shape, data: make(shape.reduce((a, b) => a * b, 1)) });
    };
    // One, in either type, and a third that no float32 is.
    retype('blocks.0.mlp.fc1.weight', 'BF16', (count) => new Uint16Array(count).fill(0x3f80));
    retype('blocks.1.mlp.fc1.weight', 'F16', (count) => new Uint16Array(count).fill(0x3c00));
    retype('blocks.0.mlp.fc2.weight', 'F64', (count) => new Float64Array(count).fill(1 / 3));
  };
  await withTinyPipeline('wasm', { change }, async (pipeline) => {
    await exportModel(pipeline, path('types.incache'), {});
    using file = SafetensorsFile.open(path('types.incache'));
    using checkpoint = SafetensorsFile.open(pipeline.checkpoint.path);
    for (const [name, { dtype, shape }] of file.tensors) {
      const stored = checkpoint.entry(name);
      assert.deepEqual(shape, stored.shape, name);
      if (stored.dtype === 'F64') {
        assert.equal(dtype, 'F32');
        assert.ok(file.read(name).every((value) => value === Math.fround(1 / 3)));
      } else {
        assert.equal(dtype, stored.dtype);
        assert.deepEqual(file.readBytes(name), checkpoint.readBytes(name), name);
      }
    }
    const types = new Set([...file.tensors.values()].map(({ dtype }) => dtype));
    assert.deepEqual(types, new Set(['F32', 'BF16', 'F16']));
  });
});

describe('refused, and nothing written:', () => {
  const pipeline = sharedPipeline('wasm', { config: { learnSigma: false } });
  const target = path('refused.incache');

  const refusals: [string, Partial<ExportOptions>, RegExp][] = [
    ['no images', { images: 0 }, /^images is 0; expected an integer from 1 to 65536$/],
    [
      'a negative prompt of a model of labels',
      { negativePrompt: 'blurry' },
      /^negativePrompt is 'blurry'; expected no value, because the model takes labels$/,
    ],
    ['too many images', { images: 2 ** 16 + 1 }, /^images is 65537; expected an integer from 1 to 65536$/],
    [
      'an unknown type',
      { activations: 'f64' as 'f32' },
      /^activations is 'f64'; expected one of f32, bf16, f16$/,
    ],
    ['an unknown sampler', { sampler: 'heun' as 'ddim' }, /^sampler is 'heun'; expected one of/],
    ['no steps', { steps: 0 }, /^steps is 0; expected/],
    ['too many guided channels', { guidanceChannels: 2 }, /^guidanceChannels is 2; expected/],
    ['eta of ddpm', { sampler: 'ddpm', eta: 1 }, /^eta is 1; expected no eta/],
    [
      'no factors',
      { cache: { policy: 'calibrated' } as CacheOptions },
      /^factors is missing; expected the factors of this model/,
    ],
    [
      'learned variance of a model that has none',
      { sampler: 'ddpm', variance: 'learned' },
      /^variance is 'learned'; expected fixed-large or fixed-small: this model does not predict a variance$/,
    ],
  ];
  for (const [name, options, message] of refusals)
    test(name, async () => {
      await assert.rejects(exportModel(pipeline(), target, options), (error: Error) => {
        assert.ok(error instanceof ArgumentError, `${error}`);
        assert.match(error.message, message);
        return true;
      });
      assert.equal(existsSync(target), false);
    });

  test('factors of another model', async () => {
    const factors = await withTinyPipeline('wasm', { seed: 2 }, lowRank);
    await assert.rejects(
      exportModel(pipeline(), target, { cache: { policy: 'calibrated', factors } }),
      /^IncacheError: the factors were made for another model, \S+ \(hash [0-9a-f]{12}\); this one is \S+ \(hash/,
    );
    assert.equal(existsSync(target), false);
  });

  test('a path that cannot be written', async () => {
    const nowhere = path('nowhere/model.incache');
    const before = readdirSync(folder);
    for (const bad of [nowhere, folder])
      await assert.rejects(
        exportModel(pipeline(), bad, {}),
        (error: Error) => error instanceof IncacheError && error.message.startsWith(`cannot write ${bad}: `),
      );
    assert.deepEqual(readdirSync(folder), before);
  });

  test('a pipeline that has been disposed of', async () => {
    const gone = await withTinyPipeline('wasm', {}, async (disposed) => disposed);
    await assert.rejects(exportModel(gone, target, {}), /has been (closed|disposed)/);
    assert.equal(existsSync(target), false);
  });
});
