/** Runs of diffusers' PixArt pipelines from the prompt: embeddings, latents after every step, and pictures, on every backend. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { probeBackends } from '../../src/backend/choose.js';
import type { LoadOptions } from '../../src/pipeline/loadOptions.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import type { TextEmbedding } from '../../src/pipeline/text/embeddings.js';
import { readJsonObject } from '../../src/weights/jsonFile.js';
import type { SafetensorsFile } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';
import { goldenFiles, goldenFolder, openGolden, requireKind } from '../support/golden.js';

const TOLERANCE = { embeddings: 1e-4, latents: 1e-3, bytes: 1 };

const RUN = /^pipeline\.golden\.safetensors$/;
const folders = ['', 'pixart', 'text/pixart']
  .flatMap((above) => goldenFiles(/^[\w-]+$/, above))
  .filter((folder) => goldenFiles(RUN, folder).length > 0);
requireKind('runs of a PixArt', folders);

const root = goldenFolder();
const present = (...paths: readonly string[]) => paths.map((path) => join(root, path)).find(existsSync);

/** A folder may hold a network alone; then the other parts are those of its neighbours. */
function partsOf(folder: string) {
  const isWhole = existsSync(join(root, folder, 'model_index.json'));
  const t5 = join(folder, '../../t5');
  return {
    model: join(root, folder, isWhole ? '' : 'transformer'),
    textEncoder: present(join(folder, 'text_encoder'), join(t5, 'single')),
    tokenizer: present(join(folder, 'tokenizer'), join(t5, 'tokenizer')),
    scheduler: present(
      ...[folder, join(folder, '../alpha')].map((above) => join(above, 'scheduler/scheduler_config.json')),
    ),
  };
}

/** In the metadata of the file, else in the nearest manifest. */
function promptsOf(folder: string, { metadata }: SafetensorsFile): string[] {
  if (metadata.prompts !== undefined) return JSON.parse(metadata.prompts);
  for (let above = folder; ; above = dirname(above)) {
    const manifest = join(root, above, 'manifest.json');
    const name = relative(above, join(folder, 'pipeline.golden.safetensors'));
    const prompts = existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).files?.[name]?.prompts;
    if (prompts) return prompts;
    if (above === '.') throw new Error(`no prompts of ${folder}`);
  }
}

/** Rows of the tokens that the mask keeps. */
function embeddingsOf(golden: SafetensorsFile, name: string, mask: string): TextEmbedding[] {
  const [count, tokens, width] = golden.entry(name).shape as [number, number, number];
  const [values, kept] = [golden.read(name), golden.read(mask)];
  return Array.from({ length: count }, (_, i) => {
    const length = kept.subarray(i * tokens, (i + 1) * tokens).reduce((sum, one) => sum + one, 0);
    const first = i * tokens * width;
    return { values: values.slice(first, first + length * width), length, width };
  });
}

for (const { name: backend, available, detail } of await probeBackends())
  for (const folder of folders)
    describe(`${folder} on ${backend}`, { skip: !available && detail }, () => {
      const golden = openGolden(join(folder, 'pipeline.golden.safetensors'));
      const { model, textEncoder, tokenizer, scheduler } = partsOf(folder);
      const hasEncoder = textEncoder !== undefined && tokenizer !== undefined;
      const recorded = {
        prompts: embeddingsOf(golden, 'prompt_embeds', 'prompt_mask'),
        negative: embeddingsOf(golden, 'negative_embeds', 'negative_mask'),
      };
      let pipeline: Pipeline;
      before(async () => {
        const options: LoadOptions = { backend, weights: 'f32' };
        const captionTokens = golden.entry('prompt_embeds').shape[1]!;
        pipeline = await Pipeline.load(model, {
          ...options,
          captionTokens,
          ...(hasEncoder && { textEncoder, tokenizer }),
        });
      });
      after(() => pipeline?.dispose());

      test('embeddings of prompts', { skip: !hasEncoder && 'without its text encoder' }, async () => {
        const prompts = promptsOf(folder, golden);
        const embedded = await pipeline.embed({ prompts });
        for (const kind of ['prompts', 'negative'] as const)
          for (const [i, expected] of recorded[kind].entries()) {
            const own = embedded[kind]![i]!;
            assert.equal(own.length, expected.length);
            assertClose(own.values, expected.values, TOLERANCE.embeddings, `${kind} ${i}`);
          }
      });

      test('latents after every step, and pictures', async () => {
        const [steps, , , height, width] = golden.entry('latents').shape as [number, ...number[]];
        const trajectory = golden.read('latents');
        const size = trajectory.length / steps;
        const { pixelsPerLatent } = pipeline.decoder;
        const { images } = await pipeline.generate(
          {
            ...(hasEncoder ? { prompts: promptsOf(folder, golden) } : { embeddings: recorded }),
            ...(scheduler !== undefined && { scheduler: readJsonObject(scheduler) }),
            height: height! * pixelsPerLatent,
            width: width! * pixelsPerLatent,
            resolutionBinning: false,
            steps,
            noise: golden.read('noise'),
          },
          (step) => {
            const expected = trajectory.subarray(step.index * size, (step.index + 1) * size);
            assertClose(step.latents(), expected, TOLERANCE.latents, `step ${step.index}`);
          },
        );
        if (images.length === 0 || !golden.names.includes('image')) return;
        const expected = golden.read('image');
        for (const [i, { data, height: down, width: across }] of images.entries()) {
          const pixels = down * across;
          for (let pixel = 0; pixel < 3 * pixels; pixel++) {
            const value = expected[3 * i * pixels + (pixel % 3) * pixels + Math.floor(pixel / 3)]!;
            const difference = Math.abs(data[pixel]! - Math.round(255 * value));
            assert.ok(difference <= TOLERANCE.bytes, `picture ${i}, byte ${pixel} differs by ${difference}`);
          }
        }
      });
    });
