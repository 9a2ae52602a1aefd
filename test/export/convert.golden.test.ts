/** Checkpoints in every layout, written as one safetensors file: the tensors of Meta's code, and the same model. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import type { OpenModelOptions } from '../../src/engine/openModelOptions.js';
import { VaeCheckpoint } from '../../src/engine/vaeCheckpoint.js';
import { convertModel } from '../../src/export/convert.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { SafetensorsFile } from '../../src/weights/safetensors.js';
import { metaHeads } from '../support/checkpoints.js';
import { temporaryFolder } from '../support/folder.js';
import { goldenFolder, readGoldenText, requireKind } from '../support/golden.js';

const root = `${goldenFolder()}/checkpoints`;

interface Layout {
  /** Below `root`. */
  readonly model: string;
  readonly options: OpenModelOptions;
  /** Of the folder's tensors, where it has them. */
  readonly hashes?: string;
}

const folders = existsSync(root)
  ? readdirSync(root, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  : [];
const layouts: Layout[] = folders.flatMap((folder) => {
  if (folder.startsWith('diffusers-dit'))
    return readdirSync(`${root}/${folder}`)
      .filter((name) => existsSync(`${root}/${folder}/${name}/transformer`))
      .map((name) => ({
        model: `${folder}/${name}`,
        options: {},
        ...(existsSync(`${root}/${folder}/${name}/model_index.json`) && {
          hashes: `checkpoints/${folder}/meta-tensors.sha256.json`,
        }),
      }));
  if (!folder.startsWith('meta-dit')) return [];
  const heads = metaHeads(`checkpoints/${folder}`);
  return readdirSync(`${root}/${folder}`)
    .filter((name) => /\.(?:pt|safetensors)$/.test(name) && !name.endsWith('forward.safetensors'))
    .map((name) => ({ model: `${folder}/${name}`, options: { heads } }));
});

requireKind('layouts of DiT', layouts);

/** Folders of autoencoders, and those in the folders of models, below `root`. */
const autoencoders = folders.flatMap((folder) =>
  readdirSync(`${root}/${folder}`)
    .flatMap((name) => (folder === 'vae' ? [`vae/${name}`] : [`${folder}/${name}/vae`]))
    .filter((path) => existsSync(`${root}/${path}/config.json`))
    // A decoder by itself beside recorded values, which is opened as a file.
    .filter((path) => !readdirSync(`${root}/${path}`).some((name) => name.startsWith('ldm-names'))),
);
requireKind('autoencoders', autoencoders);

describe('convert', () => {
  const folder = temporaryFolder();
  let files = 0;
  const convert = async ({ model, options }: Layout) => {
    const out = join(folder, `${files++}.safetensors`);
    await convertModel(`${root}/${model}`, out, options);
    return out;
  };

  for (const layout of layouts) {
    const { model, options, hashes } = layout;
    test(`${model} becomes one file of Meta's names that is the same model`, async () => {
      const out = await convert(layout);
      using file = SafetensorsFile.open(out);
      using original = new DenoiserCheckpoint(`${root}/${model}`, options);
      using converted = new DenoiserCheckpoint(out);
      assert.deepEqual([...file.names].sort(), [...original.network.tensors.keys()].sort());
      assert.equal(converted.layout, 'meta');
      assert.deepEqual(converted.network.config, original.network.config);
      assert.deepEqual(converted.settings, original.settings);
      assert.equal(converted.hash, original.hash);
      if (hashes === undefined) return;
      const expected: Record<string, { shape: number[]; sha256: string }> = JSON.parse(
        readGoldenText(hashes),
      );
      for (const [name, { shape, sha256 }] of Object.entries(expected)) {
        assert.deepEqual(file.entry(name).shape, shape, name);
        assert.equal(createHash('sha256').update(file.bytes(name)).digest('hex'), sha256, name);
      }
    });
  }

  for (const layout of layouts.filter(({ hashes }) => hashes !== undefined))
    test(`the file of ${layout.model} gives the latents of its source, bit for bit`, async () => {
      const sample = async (path: string, options: OpenModelOptions) => {
        await using pipeline = await Pipeline.load(path, { ...options, backend: 'wasm', threads: 1 });
        const run = pipeline.sample({ labels: [1, 0], steps: 3, seed: 5, guidanceScale: 4 });
        for (;;) {
          const { done, value } = await run.next();
          if (done) return value;
        }
      };
      const expected = await sample(`${root}/${layout.model}`, layout.options);
      const actual = await sample(await convert(layout), {});
      assert.equal(actual.report.sampler, expected.report.sampler);
      assert.deepEqual(actual.latents, expected.latents);
    });

  for (const model of autoencoders)
    test(`${model} becomes one file of diffusers' names that is the same autoencoder`, async () => {
      const path = readdirSync(`${root}/${model}`).includes('model.ckpt')
        ? `${root}/${model}/model.ckpt`
        : `${root}/${model}`;
      const out = join(folder, `${files++}.safetensors`);
      const report = await convertModel(path, out);
      assert.equal(report.family, 'autoencoder');
      using original = new VaeCheckpoint(path);
      using converted = new VaeCheckpoint(out);
      assert.equal(converted.layout, 'diffusers');
      assert.deepEqual(converted.config, original.config);
      assert.equal(converted.hasEncoder, original.hasEncoder);
      using file = SafetensorsFile.open(out);
      assert.deepEqual([...file.names].sort(), [...original.names].sort());
      for (const name of file.names) {
        assert.deepEqual(file.read(name), original.read(name), name);
        if (/attentions\.0\.to_.*weight$/.test(name)) assert.equal(file.entry(name).shape.length, 2, name);
      }
    });
});
