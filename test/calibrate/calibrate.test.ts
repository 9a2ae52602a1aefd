/** From a model to its factors: every method and source, and what is refused. */
import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type CalibrateOptions, calibrate } from '../../src/calibrate/calibrate.js';
import { FACTOR_METHODS, type FactorMethod } from '../../src/calibrate/factors.js';
import { type CalibrationSource, imageSource, trajectorySource } from '../../src/calibrate/sources.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';
import { TINY, TINY_NETWORK, writeTinyModel } from '../support/tinyModel.js';

const IMAGES = 6;
const OPTIONS = { count: IMAGES, batch: 3, steps: 5, seed: 1 };
const RANK = 4;

const images = new Random(5).normals(IMAGES * TINY.inChannels * TINY.inputSize ** 2, 0.5);
const labels = [0, 1, 2, 0, 1, 2];
const SOURCES: Record<string, CalibrationSource> = {
  images: imageSource(TINY_NETWORK, { ...OPTIONS, images, labels }),
  trajectories: trajectorySource(TINY_NETWORK, OPTIONS),
  'trajectories without guidance': trajectorySource(TINY_NETWORK, { ...OPTIONS, guidanceScale: 1 }),
};

const LAYERS = TINY_NETWORK.layers;

describe('calibrate', () => {
  const folder = temporaryFolder();
  let model: Pipeline;
  let other: Pipeline;
  before(async () => {
    const [path, otherPath] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')];
    model = await Pipeline.load(writeTinyModel(path), { threads: 2 });
    other = await Pipeline.load(writeTinyModel(otherPath, { seed: 2 }), { threads: 1 });
  });
  after(async () => {
    await model.dispose();
    await other.dispose();
  });

  const make = (options: Partial<CalibrateOptions>) =>
    calibrate(model, { method: 'cd', rank: RANK, source: SOURCES.images!, ...options });

  for (const method of FACTOR_METHODS)
    for (const [name, source] of Object.entries(SOURCES))
      test(`${method} from ${name}`, async () => {
        const { info, layers } = await make({ method, source });
        assert.deepEqual(
          [...layers.keys()],
          LAYERS.map((layer) => layer.name),
        );
        for (const { name: layer, inputs, outputs } of LAYERS) {
          const { rank, rows, columns, up, down } = layers.get(layer)!;
          assert.deepEqual([rank, rows, columns], [RANK, outputs, inputs], layer);
          assert.ok(up.some((value) => value !== 0) && down.some((value) => value !== 0), layer);
        }
        assert.equal(info.method, method);
        assert.equal(info.modelHash, model.checkpoint.hash);
        assert.deepEqual([info.images, info.steps, info.seed], [IMAGES, 5, 1]);
        assert.equal(info.source, source.description);
        const latents = (
          await model.generate({
            labels: [0],
            steps: 4,
            cache: { policy: 'calibrated', factors: await make({ method, source }) },
          })
        ).latents;
        assert.ok(latents.every(Number.isFinite));
      });

  test('methods and sources differ from one another', async () => {
    const seen = new Map<string, Float32Array>();
    for (const method of FACTOR_METHODS)
      for (const [name, source] of Object.entries(method === 'svd' ? { none: SOURCES.images! } : SOURCES)) {
        const { up } = (await make({ method, source })).requireLayer('blocks.1.fc1');
        for (const [what, before] of seen)
          assert.notDeepEqual(up, before, `${method} from ${name} is ${what}`);
        seen.set(`${method} from ${name}`, up);
      }
  });

  test('a rank for every layer', async () => {
    const rank = (layer: string) => (layer.endsWith('.q') ? 0 : layer.startsWith('blocks.1') ? 32 : 5);
    const factors = await make({ rank });
    for (const { name } of LAYERS) assert.equal(factors.rank(name), rank(name), name);
  });

  for (const method of FACTOR_METHODS)
    test(`${method}: cut down to a rank, the factors are those of that rank`, async () => {
      const large = await make({ method, rank: 11 });
      for (const rank of [0, 1, 4, 11])
        assert.deepEqual(large.truncated(rank), await make({ method, rank }), `rank ${rank}`);
      assert.throws(
        () => large.truncated(12),
        /rank of blocks\.0\.q is 12; expected an integer from 0 to 11/,
      );
    });

  test('a rank spread over the layers: no more MACs than that rank for all, and factors cut from larger ones', async () => {
    const errors = new Map(LAYERS.map(({ name }, i) => [name, 1 + (i % 5)]));
    const factors = await make({ method: 'whitened', rank: { spread: RANK, errors } });
    const large = await make({ method: 'whitened', rank: 4 * RANK });
    const cost = (rank: (name: string) => number) =>
      LAYERS.reduce((sum, { name, inputs, outputs }) => sum + rank(name) * (inputs + outputs), 0);
    const [spread, uniform] = [cost((name) => factors.rank(name)), cost(() => RANK)];
    assert.ok(spread <= uniform && spread > 0.95 * uniform, `${spread} of ${uniform}`);
    assert.ok(new Set(LAYERS.map(({ name }) => factors.rank(name))).size > 2);
    for (const { name } of LAYERS)
      assert.deepEqual(
        factors.requireLayer(name),
        large.truncated(factors.rank(name)).requireLayer(name),
        name,
      );
  });

  test('the same request gives the same factors, whatever the backend has done before', async () => {
    const source = () => imageSource(TINY_NETWORK, { ...OPTIONS, images, labels });
    const first = await make({ source: source() });
    await model.generate({ labels: [1], steps: 2 });
    assert.deepEqual((await make({ source: source() })).layers, first.layers);
    const reseeded = imageSource(TINY_NETWORK, { ...OPTIONS, seed: 2, images, labels });
    assert.notDeepEqual((await make({ source: reseeded })).layers, first.layers);
  });

  test('progress is told to the end, and the device is as before', async () => {
    await make({});
    const memory = model.device.memoryInUse;
    const told: number[][] = [];
    await make({ onProgress: (done, total) => told.push([done, total]) });
    const total = SOURCES.images!.batches + LAYERS.length;
    assert.deepEqual(
      told,
      Array.from({ length: total }, (_, i) => [i + 1, total]),
    );
    assert.equal(model.device.memoryInUse, memory);
  });

  for (const [name, stopAt] of Object.entries({ before: 0, 'while measuring': 1, 'while factoring': 5 }))
    test(`a signal ${name} throws its reason, and the device is as before`, async () => {
      await make({});
      const memory = model.device.memoryInUse;
      const reason = new Error('enough');
      const controller = new AbortController();
      if (stopAt === 0) controller.abort(reason);
      let last = 0;
      const onProgress = (done: number) => {
        last = done;
        if (done === stopAt) controller.abort(reason);
      };
      await assert.rejects(make({ signal: controller.signal, onProgress }), (error) => error === reason);
      assert.equal(last, stopAt);
      assert.equal(model.device.memoryInUse, memory);
    });

  const tooHigh = (layer: string, rank: number) => (name: string) => (name === layer ? rank : RANK);
  const REFUSED: readonly (readonly [name: string, options: Partial<CalibrateOptions>, argument: string])[] =
    [
      ['a rank above all', { rank: 33 }, 'rank of blocks.0.q'],
      ["a rank above one layer's", { rank: tooHigh('blocks.1.fc2', 33) }, 'rank of blocks.1.fc2'],
      ['a spread rank of nothing', { rank: { spread: 0, errors: new Map() } }, 'rank that is spread'],
      ['a spread rank without errors', { rank: { spread: 2, errors: new Map() } }, 'error of blocks.0.q'],
      ['a negative rank', { rank: -1 }, 'rank of blocks.0.q'],
      ['a rank that is no integer', { rank: 1.5 }, 'rank of blocks.0.q'],
      ['an unknown method', { method: 'pca' as FactorMethod }, 'method'],
      ['a negative ridge', { method: 'whitened', ridge: -1 }, 'ridge'],
    ];
  for (const [name, options, argument] of REFUSED)
    test(`${name} is refused before anything is measured`, async () => {
      let measured = false;
      const source: CalibrationSource = {
        ...SOURCES.images!,
        run: async () => {
          measured = true;
        },
      };
      await assert.rejects(make({ source, ...options }), { name: 'ArgumentError', argument });
      assert.equal(measured, false);
    });

  test('a method that measures needs a source, svd does not', async () => {
    for (const method of FACTOR_METHODS.filter((name) => name !== 'svd'))
      await assert.rejects(calibrate(model, { method, rank: RANK }), {
        name: 'ArgumentError',
        argument: 'source',
      });
    await calibrate(model, { method: 'svd', rank: RANK });
  });

  test('factors are refused for another model, with both names and hashes', async () => {
    const factors = await calibrate(other, { method: 'svd', rank: RANK });
    const cache = { policy: 'calibrated', factors } as const;
    await other.generate({ labels: [0], steps: 2, cache });
    const named = ({ checkpoint }: Pipeline) =>
      `${basename(checkpoint.path)} \\(hash ${checkpoint.hash.slice(0, 12)}\\)`;
    const refused = { name: 'IncacheError', message: new RegExp(`${named(other)}.*${named(model)}`) };
    await assert.rejects(model.generate({ labels: [0], steps: 2, cache }), refused);
    assert.throws(() => model.plan({ labels: [0], steps: 2, cache }), refused);
  });

  test('sources are refused by name', () => {
    const cases: readonly (readonly [() => unknown, string])[] = [
      [() => trajectorySource(TINY_NETWORK, { ...OPTIONS, batch: 4 }), 'batch'],
      [() => trajectorySource(TINY_NETWORK, { ...OPTIONS, count: 0 }), 'count'],
      [() => trajectorySource(TINY_NETWORK, { ...OPTIONS, steps: 1001 }), 'steps'],
      [() => trajectorySource(TINY_NETWORK, { ...OPTIONS, guidanceScale: -1 }), 'guidanceScale'],
      [() => imageSource(TINY_NETWORK, { ...OPTIONS, count: 9, images, labels }), 'images'],
      [() => imageSource(TINY_NETWORK, { ...OPTIONS, images: images.subarray(1), labels }), 'images'],
      [() => imageSource(TINY_NETWORK, { ...OPTIONS, images, labels: [0, 1, 2, 0, 1, 9] }), 'label'],
    ];
    for (const [source, argument] of cases) assert.throws(source, { name: 'ArgumentError', argument });
  });
});
