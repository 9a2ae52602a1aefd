/** A decoder that fails after the sampling: the latents are in the error. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { normals } from '../../src/diffusion/index.js';
import { DecodeError, decodeLatents, ExportedPipeline, exportModel, Pipeline } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';
import { spoiltAutoencoder } from '../support/spoiltAutoencoder.js';
import { writeTinyAutoencoder } from '../support/tinyAutoencoder.js';
import { writeTinyModel } from '../support/tinyModel.js';

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);

describe('latents that cannot be decoded', () => {
  const sound = writeTinyAutoencoder(path('vae'));
  const model = writeTinyModel(path('model.safetensors'), { config: { inChannels: 4 } });
  const run = { labels: [2, 0], seed: 5 };
  // The reference takes what it is given; the others refuse weights that are not finite.
  const backend = 'wasm';
  const isKept = (latents: Float32Array) => (error: unknown) => {
    assert.ok(error instanceof DecodeError, String(error));
    assert.match(error.message, /^the latents could not be decoded: .*conv_out\.weight/);
    assert.deepEqual(error.sampled.shape, [2, 4, 8, 8]);
    assert.deepEqual(error.sampled.latents, latents);
    return true;
  };

  test('are in the error of a pipeline and of an exported file', async () => {
    const vae = spoiltAutoencoder(sound, path('spoilt'));
    await using pipeline = await Pipeline.load(model, { backend, vae });
    const { latents } = await pipeline.generateLatents({ ...run, steps: 2 });
    await assert.rejects(pipeline.generate({ ...run, steps: 2 }), isKept(latents));
    await exportModel(pipeline, path('spoilt.incache'), { images: 2, steps: 2 });
    await using exported = await ExportedPipeline.load(path('spoilt.incache'), { backend });
    const kept = await exported.generateLatents(run);
    await assert.rejects(exported.generate(run), isKept(kept.latents));
  });

  test('an autoencoder of other channels is refused before the first step', async () => {
    const vae = writeTinyAutoencoder(path('eight'), { latentChannels: 8 });
    await assert.rejects(
      Pipeline.load(model, { backend, vae }),
      /an autoencoder of 4 latent channels.*it has 8$/,
    );
  });

  test('a run that is aborted while it decodes ends with the reason of its signal', async () => {
    await using pipeline = await Pipeline.load(model, { backend, vae: sound });
    const controller = new AbortController();
    const steps = { count: 0 };
    const generated = pipeline.generate({ ...run, steps: 2, signal: controller.signal }, () => {
      if (++steps.count === 2) controller.abort(new Error('enough'));
    });
    await assert.rejects(generated, /^Error: enough$/);
  });

  test('decodeLatents makes the pictures of the pipeline, with other factors when asked', async () => {
    await using pipeline = await Pipeline.load(model, { backend, vae: sound });
    const shape = [2, 4, 3, 5] as const;
    const latents = normals(1, 0, 0, 2 * 4 * 3 * 5);
    const pictures = await pipeline.decode(latents, shape);
    const decoded = await decodeLatents(latents, shape, { vae: sound, backend });
    assert.deepEqual(
      decoded.map(({ data }) => data),
      pictures.map(({ data }) => data),
    );
    const unshifted = await decodeLatents(latents, shape, { vae: sound, backend, shiftFactor: 0 });
    assert.notDeepEqual(unshifted[0]!.data, pictures[0]!.data);
    const refused = (options: object, message: RegExp) =>
      assert.rejects(decodeLatents(latents, shape, { vae: sound, backend, ...options }), message);
    await refused({ vae: undefined }, /^ArgumentError: vae is missing/);
    await refused({ scalingFactor: 0 }, /^ArgumentError: scalingFactor is 0; expected a positive number$/);
    await refused({ shiftFactor: Number.NaN }, /^ArgumentError: shiftFactor is NaN/);
    await refused({ tile: 3 }, /'tile'/);
  });
});
