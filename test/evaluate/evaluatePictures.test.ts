/** Evaluating a model of latents by its pictures. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type EvaluateOptions, evaluateModel, psnr } from '../../src/evaluate/index.js';
import { Pipeline } from '../../src/index.js';
import { classesOf } from '../../src/models/network.js';
import { temporaryFolder } from '../support/folder.js';
import { readNpz } from '../support/npz.js';
import { writeTinyAutoencoder } from '../support/tinyAutoencoder.js';
import { writeTinyModel } from '../support/tinyModel.js';

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);
const backend = 'wasm';

describe('pictures of a model of latents', () => {
  const model = writeTinyModel(path('model.safetensors'), { config: { inChannels: 4 } });
  const vae = writeTinyAutoencoder(path('vae'));
  const options: EvaluateOptions = {
    images: 3,
    steps: 4,
    seed: 2,
    batch: 2,
    cache: { policy: 'reuse', period: 2 },
    compare: true,
  };

  test('have a PSNR, which is that of the decoded images', async () => {
    await using pipeline = await Pipeline.load(model, { backend, vae });
    const latents = await evaluateModel(pipeline, options);
    assert.equal(latents.psnr, undefined);
    const npz = path('pictures.npz');
    const report = await evaluateModel(pipeline, { ...options, pictures: true, npz });
    const labels = Array.from({ length: 3 }, (_, i) => i % classesOf(pipeline.network));
    const planes = async (cache: EvaluateOptions['cache']) => {
      const drawn = await pipeline.generateLatents({ labels, steps: 4, seed: 2, ...(cache && { cache }) });
      return pipeline.decoder.planes(pipeline.device, drawn.latents, drawn.shape);
    };
    const [cached, whole] = [await planes(options.cache), await planes({ policy: 'none' })];
    const size = cached.length / 3;
    const expected = [0, 1, 2].map((i) =>
      psnr(cached.subarray(i * size, (i + 1) * size), whole.subarray(i * size, (i + 1) * size)),
    );
    assert.ok(Math.abs(report.psnr! - expected.reduce((a, b) => a + b) / 3) < 1e-3, `${report.psnr}`);
    assert.equal(report.macsPerImage, latents.macsPerImage);
    assert.notEqual(report.relativeL2, latents.relativeL2);
    assert.deepEqual(readNpz(npz).get('arr_0')?.shape, [3, 16, 16, 3]);
  });

  test('a kept run of latents is not gone on with as one of pictures', async () => {
    await using pipeline = await Pipeline.load(model, { backend, vae });
    const kept = { ...options, folder: path('kept') };
    await evaluateModel(pipeline, kept);
    await assert.rejects(evaluateModel(pipeline, { ...kept, pictures: true }), /pictures/);
  });

  test('need an autoencoder', async () => {
    await using pipeline = await Pipeline.load(model, { backend });
    await assert.rejects(
      evaluateModel(pipeline, { ...options, pictures: true }),
      /4 latent channels and no autoencoder/,
    );
    const refused = evaluateModel(pipeline, { ...options, pictures: 1 as never });
    await assert.rejects(refused, /^ArgumentError: pictures is 1; expected true or false$/);
  });
});
