/** Model files with the decoder of a latent model: what is in them, the pictures that they give, and damaged ones. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ExportedPipeline, type ExportedSampleOptions } from '../../src/export/exportedPipeline.js';
import type { ModelHeader } from '../../src/export/format.js';
import { exportModel } from '../../src/export/modelFile.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { validatePlan } from '../../src/plan/validate.js';
import { SafetensorsFile } from '../../src/weights/safetensors.js';
import { withTinyPipeline } from '../pipeline/tinyPipeline.js';
import { type AnyHeader, changeHeader, rename } from '../support/changeHeader.js';
import { temporaryFolder } from '../support/folder.js';
import { writeTinyAutoencoder } from '../support/tinyAutoencoder.js';
import { writeTinyModel } from '../support/tinyModel.js';

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);

const headerOf = (file: SafetensorsFile): ModelHeader => JSON.parse(file.metadata.incache!);

const sampleFile = async (from: string, options: ExportedSampleOptions) => {
  await using exported = await ExportedPipeline.load(from, { backend: 'reference' });
  return await exported.generate(options);
};

const DAMAGED: readonly [change: (header: AnyHeader) => void, message: RegExp][] = [
  [
    (header) => (header.version = 4),
    /version is not one that this incache reads: 1, 2 or 3; export it anew$/,
  ],
  [(header) => (header.decoder = null), /decoder is not an object$/],
  [(header) => (header.inputs = undefined), /inputs is not a list of at most 16$/],
  [({ inputs }) => (inputs[0].name = 'tea'), /plan 'conditioning': input 'labels' is not one that is given$/],
  [({ inputs }) => (inputs[0].type = 'bf16'), /inputs\[0\]\.type is not i32 or f32$/],
  [
    ({ inputs }) => (inputs[0].rows = 2),
    /plan 'conditioning': buffer 'labels' is not of the size of the input$/,
  ],
  [
    ({ inputs }) => (inputs[0].unconditional = 2 ** 20),
    /inputs\[0\]\.unconditional is not a value of the input$/,
  ],
  [({ inputs }) => inputs.push({ ...inputs[0], name: 'tea' }), /input 'tea' is not read by a plan$/],
  [({ decoder }) => decoder.width++, /plan 'decoder': buffer 'image' is not output, f32, 1 x 816$/],
  [({ decoder }) => (decoder.channels = 2), /decoder\.channels is not 1 or 3$/],
  [({ decoder }) => (decoder.plan.ops = 1), /not a plan: ops is not a list$/],
  [
    ({ decoder }) => rename(decoder.plan, 'vae.decoder.conv_in.weight', 'final_layer.linear.weight'),
    /tensor 'final_layer\.linear\.weight' is not of 8 x 36 elements$/,
  ],
  [(header) => (header.steps[0].plan = 1), /steps\[0\]\.plan is not the place of a plan$/],
  [(header) => (header.steps[0] = null), /steps\[0\] is not the numbers of a step$/],
  [(header) => (header.images = 2), /labelRows is not one row, or a row an image and one more when guided$/],
  [(header) => (header.plans = [null]), /plans\[0\] is not a plan$/],
];

describe('the decoder of a latent model', () => {
  const vae = writeTinyAutoencoder(path('vae'));
  const latent = () =>
    Pipeline.load(writeTinyModel(path('latent.safetensors'), { config: { inChannels: 4 } }), {
      backend: 'reference',
      vae,
    });

  test('is in the file, as a plan for one image with its weights', async () => {
    await using pipeline = await latent();
    const { version, decoder } = await exportModel(pipeline, path('latent.incache'), { images: 2, steps: 2 });
    assert.equal(version, 3);
    const { plan, ...rest } = decoder!;
    assert.deepEqual(rest, { scalingFactor: 0.5, shiftFactor: 0.25, channels: 3, height: 16, width: 16 });
    validatePlan(plan);
    using file = SafetensorsFile.open(path('latent.incache'));
    assert.deepEqual(headerOf(file).decoder, decoder);
    const autoencoder = pipeline.decoder.checkpoint();
    const weights = plan.buffers.filter(({ role }) => role === 'weight');
    assert.ok(weights.length > 10);
    for (const { name } of weights)
      assert.deepEqual(file.read(name), autoencoder.read(name.replace(/^vae\./, '')), name);
  });

  test('gives the pictures of the pipeline, in batches that the labels do not fill', async () => {
    await using pipeline = await latent();
    await exportModel(pipeline, path('drawn.incache'), { images: 2, steps: 2 });
    const request = { labels: [2, 0, 1], seed: 5, firstImage: 4 };
    const { images } = await pipeline.generate({ ...request, steps: 2 });
    const drawn = await sampleFile(path('drawn.incache'), request);
    assert.deepEqual(drawn.shape, [3, 4, 8, 8]);
    assert.equal(images.length, 3);
    for (const [place, { data, width, height, channels }] of drawn.images.entries()) {
      assert.deepEqual([width, height, channels], [16, 16, 3]);
      assert.ok(
        data.every((byte, i) => Math.abs(byte - images[place]!.data[i]!) <= 1),
        `image ${place}`,
      );
    }
  });

  test('files of older versions draw the same', async () => {
    await using pipeline = await latent();
    await exportModel(pipeline, path('new.incache'), { steps: 1 });
    const request = { labels: [1], seed: 5 };
    const { latents } = await sampleFile(path('new.incache'), request);
    for (const version of [1, 2]) {
      changeHeader(path('new.incache'), path('old.incache'), (header) => {
        Object.assign(header, { version, classes: header.inputs[0].most });
        delete header.inputs;
        if (version === 1) delete header.decoder;
      });
      const old = await sampleFile(path('old.incache'), request);
      assert.deepEqual(old.latents, latents);
      assert.equal(old.images.length, version - 1);
    }
  });

  test('what takes more than labels is refused by the names of its inputs', async () => {
    await using pipeline = await latent();
    await exportModel(pipeline, path('labels.incache'), { steps: 1 });
    changeHeader(path('labels.incache'), path('text.incache'), ({ inputs, conditioning }) => {
      inputs[0].name = 'text';
      rename(conditioning, 'labels', 'text');
    });
    await assert.rejects(sampleFile(path('text.incache'), { labels: [0] }), {
      name: 'FormatError',
      message: /text\.incache takes text; expected a model of labels or of text and textLengths$/,
    });
  });

  test('damaged headers and options that the file has fixed are refused', async () => {
    await using pipeline = await latent();
    const file = path('sound.incache');
    await exportModel(pipeline, file, { steps: 1 });
    const sample = (from: string, options: object = {}) => sampleFile(from, { labels: [0], ...options });
    for (const [change, message] of DAMAGED) {
      changeHeader(file, path('damaged.incache'), change);
      await assert.rejects(sample(path('damaged.incache')), { name: 'FormatError', message });
    }
    await assert.rejects(sample(pipeline.checkpoint.path), {
      name: 'FormatError',
      message: /is no model file/,
    });
    const refused = (options: object, message: RegExp) =>
      assert.rejects(sample(file, options), { name: 'ArgumentError', message });
    await refused({ steps: 20 }, /^steps is 20; expected no steps: \S+ was exported with its own$/);
    await refused({ guidanceScale: 2 }, /^guidanceScale is 2; expected no guidanceScale/);
    await refused({ labels: [] }, /^labels is \[\]; expected/);
    await refused({ labels: [4] }, /^label is 4; expected/);
    await refused({ sed: 1 }, /'sed'; expected seed/);
  });

  test('stays out where it is not wanted', async () => {
    await using pipeline = await latent();
    const options = { images: 2, steps: 2, decoder: false };
    const header = await exportModel(pipeline, path('without.incache'), options);
    assert.equal('decoder' in header, false);
    using file = SafetensorsFile.open(path('without.incache'));
    assert.ok(file.names.every((name) => !name.startsWith('vae.')));
  });

  test('a model without an autoencoder has none to give', async () => {
    await withTinyPipeline('reference', {}, async (pipeline) => {
      const options = { steps: 1, decoder: true };
      await assert.rejects(
        exportModel(pipeline, path('none.incache'), options),
        /^ArgumentError: decoder is true; expected false: \S+ has no autoencoder$/,
      );
      await assert.rejects(
        exportModel(pipeline, path('none.incache'), { ...options, decoder: 1 as never }),
        /^ArgumentError: decoder is 1; expected true or false$/,
      );
    });
  });
});
