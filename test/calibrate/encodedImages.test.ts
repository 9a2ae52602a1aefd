/** Calibration from pictures of a model of latents: its autoencoder encodes them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { encodeCalibrationImages } from '../../src/calibrate/encodedImages.js';
import { holdsModelImages, loadCalibrationImages } from '../../src/calibrate/images.js';
import { imageSource } from '../../src/calibrate/sources.js';
import { normals } from '../../src/diffusion/philox.js';
import type { Autoencoder } from '../../src/engine/autoencoder.js';
import { classesOf } from '../../src/models/network.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { writeNpz } from '../../src/weights/npz.js';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';

const MODEL = new URL('../../../test/golden/checkpoints/diffusers-dit/current', import.meta.url).pathname;

describe('calibration from pictures of a model of latents', () => {
  const folder = temporaryFolder();
  const count = 4;
  const side = 16;
  const random = new Random(3);
  const bytes = Uint8Array.from({ length: count * side * side * 3 }, () => random.integer(0, 255));
  const planes = new Float32Array(bytes.length);
  for (let image = 0; image < count; image++)
    for (let place = 0; place < side * side; place++)
      for (let c = 0; c < 3; c++)
        planes[(image * 3 + c) * side * side + place] =
          bytes[(image * side * side + place) * 3 + c]! / 127.5 - 1;
  const labels = { shape: [count], data: Int32Array.of(1, 0, 3, 2) };
  const npz = (name: string, arrays: Parameters<typeof writeNpz>[1]): string => {
    writeNpz(join(folder, name), arrays);
    return join(folder, name);
  };
  const pictures = { shape: [count, side, side, 3], data: bytes };
  const path = npz('pictures.npz', { arr_0: pictures, arr_1: labels });

  let pipeline: Pipeline;
  let autoencoder: Autoencoder;
  before(async () => {
    pipeline = await Pipeline.load(MODEL, { backend: 'wasm', threads: 1 });
    autoencoder = pipeline.decoder.on(pipeline.device);
  });
  after(() => pipeline.dispose());

  test('latents are drawn from what the encoder gives, image by image', async () => {
    const { network } = pipeline;
    const { images, labels } = await encodeCalibrationImages(path, network, autoencoder, { seed: 7 });
    assert.deepEqual(labels, [1, 0, 3, 2]);
    const { mean, standardDeviation, shape } = await autoencoder.encode(planes, [count, 3, side, side]);
    assert.deepEqual(shape, [count, 4, 8, 8]);
    const size = 4 * 8 * 8;
    for (let image = 0; image < count; image++) {
      const noise = normals(7, 2, image, size);
      for (let i = 0; i < size; i++) {
        const place = image * size + i;
        assert.equal(images[place], Math.fround(mean[place]! + standardDeviation[place]! * noise[i]!));
      }
    }
    const [first, other] = [
      await encodeCalibrationImages(path, network, autoencoder, { seed: 7, count: 2 }),
      await encodeCalibrationImages(path, network, autoencoder, { seed: 8, count: 2 }),
    ];
    assert.deepEqual([first.images, first.labels], [images.slice(0, 2 * size), [1, 0]]);
    assert.notDeepEqual(other.images, first.images);
  });

  test('the same pictures in any form are the same latents', async () => {
    const { network } = pipeline;
    const shape = [count, 3, side, side];
    const floats = join(folder, 'floats.safetensors');
    writeSafetensors(floats, [
      { name: 'images', dtype: 'F32', shape, data: planes },
      { name: 'labels', dtype: 'I32', shape: [count], data: labels.data },
    ]);
    const named = npz('named.npz', { images: { shape, data: planes }, labels });
    const expected = await encodeCalibrationImages(path, network, autoencoder);
    for (const other of [floats, named])
      assert.deepEqual(await encodeCalibrationImages(other, network, autoencoder), expected);
  });

  test('grey pictures and pictures without labels', async () => {
    const { network } = pipeline;
    const grey = bytes.map((_, i) => bytes[i - (i % 3)]!);
    const doubts: string[] = [];
    const { images, labels } = await encodeCalibrationImages(
      npz('grey.npz', { arr_0: { ...pictures, data: grey } }),
      network,
      autoencoder,
      { onDoubt: (sentence) => doubts.push(sentence) },
    );
    assert.ok(images.every(Number.isFinite));
    assert.deepEqual(labels, new Array(count).fill(classesOf(network)));
    assert.match(
      doubts.join(),
      /grey\.npz has no labels; its images are shown to the model as those of no class$/,
    );
  });

  test('factors come of them', async () => {
    const data = await encodeCalibrationImages(path, pipeline.network, autoencoder);
    const source = imageSource(pipeline.network, { ...data, steps: 10 });
    const factors = await calibrate(pipeline, { method: 'cd', rank: 4, source });
    assert.equal(factors.layers.size, 2 * 6);
  });

  test('latents are told from pictures', () => {
    const { network } = pipeline;
    const latents = { shape: [count, 4, 8, 8], data: new Float32Array(count * 256) };
    const given = npz('latents.npz', { images: latents, labels });
    assert.ok(holdsModelImages(given, network));
    assert.equal(loadCalibrationImages(given, network).images.length, count * 256);
    assert.ok(!holdsModelImages(path, network));
  });

  test('bad input is one sentence', async () => {
    const refused = (file: string, message: RegExp, options = {}) =>
      assert.rejects(encodeCalibrationImages(file, pipeline.network, autoencoder, options), { message });
    await refused(
      npz('small.npz', { arr_0: { shape: [1, 8, 8, 3], data: bytes.slice(0, 192) } }),
      /'arr_0' holds pictures of 3 x 8 x 8; expected 3 x 16 x 16, whose latents are the 4 x 8 x 8 of the model$/,
    );
    await refused(
      npz('few.npz', { arr_0: pictures, arr_1: { shape: [1], data: Int32Array.of(1) } }),
      /few\.npz has 4 pictures and 1 labels; expected as many$/,
    );
    await refused(npz('none.npz', { x: labels }), /none\.npz has no pictures: neither 'images' nor 'arr_0'$/);
    await refused(path, /^count is 0; expected/, { count: 0 });
    await refused(path, /^a name in options is 'Seed'/, { Seed: 1 });
    const controller = new AbortController();
    await refused(path, /aborted/, { signal: controller.signal, onImage: () => controller.abort() });
  });
});
