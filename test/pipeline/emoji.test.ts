/** The model of emoji, from words to pictures, beside diffusers' own run of it: `pipeline.golden.safetensors` in its folder. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { backends } from '../../src/backend/choose.js';
import { Pipeline, type SampleOptions } from '../../src/index.js';
import { requireModelFolder } from '../../src/modelPackages.js';
import { SafetensorsFile } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';

const model = requireModelFolder('emoji');
const recorded = join(model, 'pipeline.golden.safetensors');

const hasBf16 = backends().some(({ name, available }) => name === 'native' && available);

for (const { name: backend, available, detail } of backends())
  describe(`emoji on ${backend}`, { skip: available && existsSync(recorded) ? false : detail }, () => {
    // In the plain code the whole run takes minutes: the first step of its first picture is compared.
    const whole = backend !== 'reference';
    test('latents after every step and the pictures', async () => {
      using golden = SafetensorsFile.open(recorded);
      const recordedPrompts: string[] = JSON.parse(golden.metadata.prompts!);
      const prompts = whole ? recordedPrompts : recordedPrompts.slice(0, 1);
      const steps = golden.entry('latents').shape[0]!;
      const latents = golden.read('latents');
      const size = latents.length / steps;
      const shown = (size / recordedPrompts.length) * prompts.length;
      const pipeline = await Pipeline.load(model, { backend, weights: 'f32' });
      const stop = new AbortController();
      const options: SampleOptions = {
        ...{ prompts, steps, guidanceScale: 4.5, noise: golden.read('noise').subarray(0, shown) },
        cache: { policy: 'none' },
        signal: stop.signal,
      };
      try {
        const run = pipeline.generate(options, (step) => {
          const { index } = step;
          assertClose(
            step.latents(),
            latents.subarray(index * size, index * size + shown),
            1e-3,
            `step ${index}`,
          );
          if (!whole) stop.abort('compared');
        });
        if (!whole) return await assert.rejects(run, (reason) => reason === 'compared');
        const { images } = await run;
        assert.equal(images.length, prompts.length);
        const pictures = golden.read('image');
        for (const [image, { data }] of images.entries()) {
          const pixels = data.length / 3;
          const away = data.map((byte, at) => {
            const value = pictures[(image * 3 + (at % 3)) * pixels + Math.floor(at / 3)]!;
            return Math.abs(byte - Math.round(255 * value));
          });
          assert.ok(Math.max(...away) <= 1, `image ${image}: ${Math.max(...away)} of 255 away`);
        }
      } finally {
        await pipeline.dispose();
      }
    });
  });

/** Measured: 0.007 and 50 dB. */
const BF16 = { latents: 2e-2, decibels: 44 };

test('emoji in bfloat16 are those of float32 to the eye', {
  skip: !hasBf16 && 'no native backend',
}, async () => {
  const draw = async (weights: 'f32' | 'bf16') => {
    await using pipeline = await Pipeline.load(model, { backend: 'native', weights });
    const prompts = ['a red apple', 'cat face with tears of joy, twemoji'];
    return await pipeline.generate({ prompts, steps: 8, seed: 3 });
  };
  const [exact, rounded] = [await draw('f32'), await draw('bf16')];
  assertClose(rounded.latents, exact.latents, BF16.latents, 'latents');
  assert.notDeepEqual(rounded.latents, exact.latents);
  for (const [i, { data }] of exact.images.entries()) {
    const squares = data.reduce((sum, byte, at) => sum + (byte - rounded.images[i]!.data[at]!) ** 2, 0);
    const decibels = 10 * Math.log10(255 ** 2 / (squares / data.length));
    assert.ok(decibels > BF16.decibels, `picture ${i}: ${decibels} dB`);
  }
});
