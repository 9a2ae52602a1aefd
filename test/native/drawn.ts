/** What the sampler of the C library draws, beside what the pipeline draws: samplers with and without fresh noise. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { exportModel } from '../../src/export/modelFile.js';
import type { SampleOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { type AnyHeader, changeHeader, rename } from '../support/changeHeader.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { writeTinyAutoencoder } from '../support/tinyAutoencoder.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { SKIP } from './present.js';
import { run } from './tools.js';

const CASES: readonly [name: string, options: Omit<SampleOptions, 'negativePrompt'>][] = [
  ['ddim without fresh noise', {}],
  ['ddim with fresh noise', { eta: 0.7 }],
  ['ddpm with learned variance', { sampler: 'ddpm' }],
  ['ddpm with fixed variance', { sampler: 'ddpm', variance: 'fixed-large' }],
  ['dpm++2m, unguided', { sampler: 'dpm++2m', guidanceScale: 1 }],
  ['DPM-Solver++ of order 3', { sampler: 'dpm++2m', scheduler: { solver_order: 3 } }],
  // Little noise at the start: it is scaled by 0.8.
  ["Euler's method", { sampler: 'euler', scheduler: { beta_end: 0.002 } }],
  ['a scheduler that clips x0', { scheduler: { _class_name: 'DDIMScheduler', clip_sample_range: 0.5 } }],
  ['ddpm with reuse', { sampler: 'ddpm', cache: { policy: 'reuse', period: 2 } }],
];

const DAMAGED_DECODERS: readonly [change: (header: AnyHeader) => void, message: RegExp][] = [
  [({ decoder }) => decoder.width++, /plan 'decoder': buffer 'image' does not fit the model's geometry/],
  [({ decoder }) => decoder.channels--, /decoder\.channels is 2; expected 1 or 3/],
  [({ decoder }) => (decoder.height = 0), /height is 0; expected 1 to 16384/],
  [
    ({ decoder }) => (decoder.scalingFactor = 0),
    /decoder\.scalingFactor is 0\.0+; expected a positive number/,
  ],
  [({ decoder }) => (decoder.shiftFactor = '0'), /decoder\.shiftFactor is not a number/],
  [(header) => (header.decoder.plan = header.conditioning), /plan 'conditioning' has no buffer 'latents'/],
  [
    ({ decoder }) => rename(decoder.plan, 'vae.decoder.conv_in.weight', 'final_layer.linear.weight'),
    /tensor 'final_layer\.linear\.weight' has not the size that plan 'decoder' expects/,
  ],
  [
    ({ decoder }) => rename(decoder.plan, 'vae.decoder.conv_in.bias', 'vae.other'),
    /tensor 'vae\.other' is missing/,
  ],
  [(header) => (header.decoder = null), /decoder is not an object/],
  [
    (header) => (header.version = 4),
    /it is of version 4; this library reads versions 1 to 3: export it anew/,
  ],
  [(header) => (header.inputs = []), /plan 'conditioning': nothing is given to its input 'labels'/],
];

/** `tree`: where CMake has built the tests. */
export function testDrawn(tree: string): void {
  describe('the sampler in C draws what the pipeline draws', () => {
    const folder = temporaryFolder();

    test('places of images beyond 2^32 are refused', async () => {
      const file = join(folder, 'three.incache');
      const checkpoint = writeTinyModel(join(folder, 'three.safetensors'));
      await using pipeline = await Pipeline.load(checkpoint, { backend: SKIP ? 'wasm' : 'native' });
      await exportModel(pipeline, file, { images: 3, steps: 1 });
      const draw = (first: number) =>
        run(join(tree, 'incache_test_draw'), [file, '7', String(first), '0', '0', '0']);
      assert.throws(
        () => draw(2 ** 32 - 2),
        /first_image is 4294967294; expected at most 4294967293 for a batch of 3/,
      );
      draw(2 ** 32 - 3);
    });

    test('decoders that do not fit the model are refused', async () => {
      const checkpoint = writeTinyModel(join(folder, 'latent.safetensors'), { config: { inChannels: 4 } });
      const vae = writeTinyAutoencoder(join(folder, 'vae'));
      await using pipeline = await Pipeline.load(checkpoint, { backend: 'reference', vae });
      const file = join(folder, 'latent.incache');
      await exportModel(pipeline, file, { steps: 1 });
      const draw = () => run(join(tree, 'incache_test_draw'), [file, '7', '0', '0']);
      draw();
      for (const [change, message] of DAMAGED_DECODERS) {
        changeHeader(file, join(folder, 'damaged.incache'), change);
        const damaged = () =>
          run(join(tree, 'incache_test_draw'), [join(folder, 'damaged.incache'), '7', '0', '0']);
        assert.throws(damaged, message);
      }
    });

    for (const [place, [name, options]] of CASES.entries())
      test(name, async () => {
        const file = join(folder, `${place}.incache`);
        const checkpoint = writeTinyModel(join(folder, `${place}.safetensors`));
        await using pipeline = await Pipeline.load(checkpoint, { backend: SKIP ? 'wasm' : 'native' });
        const labels = [2, 0, 1];
        const settings = { ...options, steps: 5 };
        await exportModel(pipeline, file, { ...settings, images: labels.length });
        const request = { seed: 2 ** 40 + 7, firstImage: 11 };
        const { latents } = await pipeline.generate({ ...settings, ...request, labels });
        const program = join(tree, 'incache_test_draw');
        const lines = run(program, [file, String(request.seed), '11', ...labels.map(String)]);
        // An image that draws from another stream differs by about 1.
        assertClose(Float32Array.from(lines.trim().split('\n'), fromHexadecimal), latents, 1e-4, name);
      });
  });
}

/** `-0x1.8p+3` -> -12, as C prints with %a. */
function fromHexadecimal(text: string): number {
  const [, sign, whole, fraction = '', exponent] = /^(-?)0x(\d)\.?([0-9a-f]*)p([+-]\d+)$/.exec(text) ?? [];
  const digits = Number.parseInt(`${whole}${fraction}`, 16) / 16 ** fraction.length;
  return (sign ? -1 : 1) * digits * 2 ** Number(exponent);
}
