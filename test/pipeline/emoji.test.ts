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

for (const { name: backend, available, detail } of backends())
  describe(`emoji on ${backend}`, { skip: available && existsSync(recorded) ? false : detail }, () => {
    // In the plain code the whole run takes minutes: its first step is compared.
    const whole = backend !== 'reference';
    test('latents after every step and the pictures', async () => {
      using golden = SafetensorsFile.open(recorded);
      const prompts: string[] = JSON.parse(golden.metadata.prompts!);
      const steps = golden.entry('latents').shape[0]!;
      const latents = golden.read('latents');
      const size = latents.length / steps;
      const pipeline = await Pipeline.load(model, { backend, weights: 'f32' });
      const stop = new AbortController();
      const options: SampleOptions = {
        ...{ prompts, steps, guidanceScale: 4.5, noise: golden.read('noise') },
        cache: { policy: 'none' },
        signal: stop.signal,
      };
      try {
        const run = pipeline.generate(options, (step) => {
          const { index } = step;
          assertClose(
            step.latents(),
            latents.subarray(index * size, (index + 1) * size),
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
