/** `incache calibrate`: the factors it makes are those that `incache sample` uses. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { FactorSet } from '../../src/cache/data/factorSet.js';
import { FACTOR_METHODS } from '../../src/calibrate/factors.js';
import { EMBEDDED_CALIBRATION_IMAGES } from '../../src/embedded.js';
import { writeNpz } from '../../src/weights/npz.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { incache, Workplace } from './run.js';

const inputs = new Workplace();
after(() => inputs[Symbol.dispose]());
const tiny = writeTinyModel(inputs.path('tiny.safetensors'));

async function succeed(place: Workplace, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await incache(args, place.folder);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
}

const calibrate = (place: Workplace, ...args: string[]) =>
  succeed(place, 'calibrate', '--model', tiny, '--steps', '4', '--count', '3', '--rank', '4', ...args);

describe('calibrate', { concurrency: 2 }, () => {
  for (const method of FACTOR_METHODS)
    test(method, async () => {
      using place = new Workplace();
      const report = JSON.parse(await calibrate(place, '--method', method, '--json'));
      assert.deepEqual(place.files, ['factors.safetensors']);
      const { info, layers } = FactorSet.load(place.path('factors.safetensors'));
      assert.equal(info.method, method);
      assert.equal(report.method, method);
      assert.equal(report.modelHash, info.modelHash);
      assert.equal(report.images, method === 'svd' ? 0 : 3);
      assert.equal(layers.size, 12);
      assert.ok([...layers.values()].every(({ rank }) => rank === 4));
    });

  test('ranks of single layers, and a table for people', async () => {
    using place = new Workplace();
    const layer = ['--layer-rank', 'blocks.0.fc1=7', '--layer-rank', 'blocks.1.q=0'];
    const stdout = await calibrate(place, ...layer, '--out', 'f.safetensors');
    assert.match(stdout, /^factors\n/);
    assert.match(stdout, /method +cd\n/);
    const factors = FactorSet.load(place.path('f.safetensors'));
    const ranks = ['blocks.0.fc1', 'blocks.1.q', 'blocks.1.k'].map((name) => factors.rank(name));
    assert.deepEqual(ranks, [7, 0, 4]);
  });

  test('increments of a period and an order', async () => {
    using place = new Workplace();
    const report = JSON.parse(await calibrate(place, '--period', '3', '--order', '1', '--json'));
    assert.equal(report.source, '3 own ddim trajectories, 4 steps, guidance 1.5, period 3, order 1');
  });

  test('a rank spread over the layers', async () => {
    using place = new Workplace();
    await calibrate(place, '--method', 'whitened', '--spread');
    const { layers } = FactorSet.load(place.path('factors.safetensors'));
    assert.ok(new Set([...layers.values()].map(({ rank }) => rank)).size > 1);
  });

  test('the same seed gives the same bytes, another one others', async () => {
    using place = new Workplace();
    for (const [name, seed] of Object.entries({ a: '1', b: '1', c: '2' }))
      await calibrate(place, '--seed', seed, '--out', `${name}.safetensors`);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => readFileSync(place.path(`${name}.safetensors`)));
    assert.deepEqual(b, a);
    assert.notDeepEqual(
      FactorSet.load(place.path('c.safetensors')).layers,
      FactorSet.load(place.path('a.safetensors')).layers,
    );
    assert.notDeepEqual(c, a);
  });

  test('images of an .npz file, all that are in it', async () => {
    using place = new Workplace();
    const data = Uint8Array.from({ length: 5 * 64 }, (_, i) => (i * 37) % 256);
    writeNpz(inputs.path('images.npz'), {
      images: { shape: [5, 1, 8, 8], data },
      labels: { shape: [5], data: Uint8Array.of(0, 1, 2, 0, 1) },
    });
    const args = [
      'calibrate',
      '--model',
      tiny,
      '--rank',
      '4',
      '--images',
      inputs.path('images.npz'),
      '--json',
    ];
    const report = JSON.parse(await succeed(place, ...args));
    assert.equal(report.images, 5);
    assert.match(report.source, /^5 images noised by q_sample/);
  });

  test('embedded model: sample uses the factors, and they bring it nearer to the full run', async () => {
    using place = new Workplace();
    const images = ['--images', EMBEDDED_CALIBRATION_IMAGES, '--count', '8', '--rank', '16'];
    await succeed(place, 'calibrate', ...images);
    const sample = async (out: string, ...args: string[]) =>
      JSON.parse(
        await succeed(place, 'sample', '--steps', '8', '--labels', '0-3', '--json', '--out', out, ...args),
      );
    const full = await sample('full.png');
    const reuse = await sample('reuse.png', '--policy', 'reuse');
    const factors = ['--factors', 'factors.safetensors'];
    const calibrated = await sample('calibrated.png', '--policy', 'calibrated', ...factors);
    const rank = await sample('rank.png', '--policy', 'calibrated', ...factors, '--cache-form', 'rank');
    assert.equal(calibrated.factors, 'factors.safetensors');
    assert.ok(reuse.macs < calibrated.macs && calibrated.macs < full.macs);
    assert.ok(rank.memory.cache < calibrated.memory.cache);
    const pixels = (name: string) => readFileSync(place.path(name));
    assert.notDeepEqual(pixels('calibrated.png'), pixels('reuse.png'));
    assert.notDeepEqual(pixels('calibrated.png'), pixels('full.png'));
  });
});
