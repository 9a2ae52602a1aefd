/** Images of one run with seeds, places and guidance of their own: each has the bits that it has alone. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ArgumentError } from '../../src/errors.js';
import type { CacheOptions, SampleOptions } from '../../src/pipeline/options.js';
import type { ImageOptions } from '../../src/pipeline/perImage.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { writeTinyPixArt } from '../support/tinyPixArt.js';
import { writeTinyT5 } from '../support/tinyT5.js';
import { assertDiffer, assertSame, PRESENT, sharedPipeline } from './tinyPipeline.js';

const IMAGES = [
  { label: 2, seed: 7, image: 3, guidanceScale: 4 },
  { label: 0, seed: 7, image: 0, guidanceScale: 1.5 },
  { label: 2, seed: 2 ** 40, image: 0, guidanceScale: 0 },
  { label: 1, seed: 7, image: 3, guidanceScale: 1.5 },
  { label: 0, seed: 1, image: 9, guidanceScale: 7.25 },
] as const;

const CACHES: Record<string, CacheOptions> = {
  none: {},
  reuse: { policy: 'reuse', period: 2 },
  taylorseer: { policy: 'taylorseer', period: 2, order: 1 },
};

const ownOf = ({ seed, image, guidanceScale }: Required<ImageOptions>): ImageOptions => ({
  ...{ seed, image, guidanceScale },
});

for (const backend of PRESENT)
  describe(`images with options of their own on ${backend}`, () => {
    const pipeline = sharedPipeline(backend);
    const latents = async (options: SampleOptions) => (await pipeline().generateLatents(options)).latents;

    for (const [name, cache] of Object.entries(CACHES))
      for (const sampler of ['ddim', 'ddpm'] as const)
        test(`${name}, ${sampler}: the bits of an image are those that it has alone`, async () => {
          const run = { steps: 4, sampler, cache };
          const labels = IMAGES.map(({ label }) => label);
          const together = await latents({ ...run, labels, batch: 3, perImage: IMAGES.map(ownOf) });
          const size = together.length / IMAGES.length;
          for (const [i, { label, seed, image, guidanceScale }] of IMAGES.entries())
            assertSame(
              together.subarray(i * size, (i + 1) * size),
              await latents({ ...run, labels: [label], seed, firstImage: image, guidanceScale }),
              `image ${i}`,
            );
        });

    test('what an image does not say is that of the run', async () => {
      const run = { labels: [0, 1], steps: 2, seed: 3, firstImage: 5, guidanceScale: 2 };
      const plain = await latents(run);
      assertSame(await latents({ ...run, perImage: [{}, { seed: undefined } as object] }), plain);
      assertSame(await latents({ ...run, perImage: [{ image: 5 }, { image: 6, seed: 3 }] }), plain);
      assertDiffer(await latents({ ...run, perImage: [{}, { image: 5 }] }), plain);
    });

    test('without guidance too', async () => {
      const run = { labels: [0, 1], steps: 2, guidanceScale: 1 };
      const own = await latents({
        ...run,
        guidanceScale: 3,
        perImage: [{ guidanceScale: 1 }, { guidanceScale: 1 }],
      });
      assertSame(own, await latents(run));
    });
  });

describe('prompts with options of their own', () => {
  const folder = temporaryFolder();
  const tokenizer = fileURLToPath(new URL('../../../test/golden/text/t5/tokenizer', import.meta.url));
  const model = writeTinyPixArt(join(folder, 'pixart.safetensors'));
  const textEncoder = writeTinyT5(join(folder, 't5'), { vocab_size: 2176 }).folder;

  for (const backend of PRESENT.filter((name) => name !== 'reference'))
    test(`on ${backend}: texts of other lengths beside it change no bit of an image`, async () => {
      const load = () => Pipeline.load(model, { backend, threads: 2, textEncoder, tokenizer });
      const prompts = ['a fox', 'a red moon over a hill', 'a', 'a fox'];
      const perImage = prompts.map((_, i) => ({ seed: 5 * i, image: i, guidanceScale: 2 + i }));
      await using first = await load();
      const { latents: together } = await first.generateLatents({ prompts, perImage, steps: 3 });
      // Another pipeline, which remembers no prompt.
      await using second = await load();
      const size = together.length / prompts.length;
      for (const [i, { seed, image, guidanceScale }] of perImage.entries()) {
        const run = { prompts: prompts[i]!, seed, firstImage: image, guidanceScale, steps: 3 };
        const { latents: alone } = await second.generateLatents(run);
        assertSame(together.subarray(i * size, (i + 1) * size), alone, `prompt ${i}`);
      }
    });
});

describe('images that are refused', () => {
  const pipeline = sharedPipeline('reference');
  const refused = (perImage: unknown, argument: string) =>
    assert.throws(
      () => pipeline().resolve({ labels: [0, 1], perImage } as SampleOptions),
      (error) => error instanceof ArgumentError && error.argument === argument,
    );

  test('are named', () => {
    refused([{}], 'perImage');
    refused({}, 'perImage');
    refused([{}, 5], 'perImage[1]');
    refused([{}, { sed: 5 }], 'a name in perImage[1]');
    refused([{}, { seed: -1 }], 'perImage[1].seed');
    refused([{ image: 2 ** 32 }, {}], 'perImage[0].image');
    refused([{}, { guidanceScale: '3' }], 'perImage[1].guidanceScale');
    refused([{}, { guidanceScale: 1 }], 'perImage[1].guidanceScale');
    refused([{ guidanceScale: 1 }, { guidanceScale: 2 }], 'perImage[1].guidanceScale');
  });
});
