/** DiT checkpoints in every layout against the code that wrote them: tensors under Meta's names, and forward passes. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import { backends } from '../../src/backend/choose.js';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import type { OpenModelOptions } from '../../src/engine/openModelOptions.js';
import { metaHeads } from '../support/checkpoints.js';
import { assertClose } from '../support/compare.js';
import { openDenoiser, uncached } from '../support/denoiser.js';
import {
  goldenFiles,
  goldenFolder,
  openGolden,
  readGoldenText,
  requireKind,
  toleranceOf,
} from '../support/golden.js';

const TOLERANCE = 1e-4;

const root = `${goldenFolder()}/checkpoints`;
const folders = existsSync(root)
  ? readdirSync(root).filter((name) => /^(?:meta|diffusers)-dit/.test(name))
  : [];
const ofMeta = folders.filter((name) => name.startsWith('meta'));
const ofDiffusers = folders.filter((name) => name.startsWith('diffusers'));

const pipelinesOf = (folder: string): string[] =>
  readdirSync(`${root}/${folder}`).filter((name) => existsSync(`${root}/${folder}/${name}/model_index.json`));

for (const folder of ofDiffusers)
  for (const pipeline of pipelinesOf(folder))
    describe(`${folder}/${pipeline}`, () => {
      const path = `${root}/${folder}/${pipeline}`;
      const expected: Record<string, { shape: number[]; sha256: string }> = JSON.parse(
        readGoldenText(`checkpoints/${folder}/meta-tensors.sha256.json`),
      );

      test('has the tensors of Meta, to the bit', () => {
        using checkpoint = new DenoiserCheckpoint(path);
        for (const [name, { shape, sha256 }] of Object.entries(expected)) {
          assert.deepEqual(checkpoint.entry(name).shape, shape, name);
          const hash = createHash('sha256').update(checkpoint.bytes(name)).digest('hex');
          assert.equal(hash, sha256, name);
        }
      });

      test('is the same from the folder of the pipeline, that of the network, and its file', () => {
        using checkpoint = new DenoiserCheckpoint(path);
        const file = readdirSync(`${path}/transformer`).find((name) => /\.(?:safetensors|bin)$/.test(name));
        for (const other of ['transformer', `transformer/${file}`]) {
          using same = new DenoiserCheckpoint(`${path}/${other}`);
          assert.equal(same.hash, checkpoint.hash);
          assert.deepEqual(same.network.config, checkpoint.network.config);
          assert.equal(same.files.root, path);
          assert.equal(same.files.parts.scheduler, `${path}/scheduler`);
          assert.ok(Object.keys(same.files.index.id2label as object).length > 0);
        }
      });
    });

interface Forward {
  readonly model: string;
  readonly golden: string;
  readonly output: string;
  readonly options: OpenModelOptions;
}

function forwardsOfDiffusers(folder: string): Forward[] {
  const whole = goldenFiles(/^forward\..*safetensors$/, `checkpoints/${folder}`).flatMap((golden) =>
    pipelinesOf(folder).flatMap((model) => [
      { model: `${folder}/${model}`, golden, output: 'out', options: {} },
      { model: `${folder}/${model}`, golden, output: 'out_freq_as_meta', options: { frequencyShift: 0 } },
    ]),
  );
  const models = readdirSync(`${root}/${folder}`).filter((name) =>
    statSync(`${root}/${folder}/${name}`).isDirectory(),
  );
  const single = models.flatMap((model) =>
    goldenFiles(/^forward\.safetensors$/, `checkpoints/${folder}/${model}`).map((golden) => ({
      model: `${folder}/${model}`,
      golden,
      output: 'out',
      options: {},
    })),
  );
  return [...whole, ...single];
}

/** `<stem>.forward` is of `<stem>.pt` and `.safetensors`, that of averaged weights of the training checkpoint. */
function forwardsOfMeta(folder: string): Forward[] {
  const heads = metaHeads(`checkpoints/${folder}`);
  return goldenFiles(/forward\.safetensors$/, `checkpoints/${folder}`).flatMap((golden) => {
    const stem = golden.slice(`checkpoints/${folder}/`.length).replace(/\.?forward\.safetensors$/, '');
    const models =
      stem === ''
        ? ['weights.safetensors', 'legacy.pt', `${folder}.pt`]
        : [`${stem}.pt`, `${stem}.safetensors`, `${stem.replace(/\.ema$/, '')}.pt`];
    return [...new Set(models)]
      .filter((model) => existsSync(`${root}/${folder}/${model}`))
      .map((model) => ({ model: `${folder}/${model}`, golden, output: 'out', options: { heads } }));
  });
}

const forwards = [...ofDiffusers.flatMap(forwardsOfDiffusers), ...ofMeta.flatMap(forwardsOfMeta)].filter(
  ({ golden, output }) => openedTensors(golden).has(output),
);
requireKind('forward passes of checkpoints', forwards);

function openedTensors(golden: string): ReadonlySet<string> {
  using file = openGolden(golden);
  return new Set(file.names);
}

for (const { name: backend, available, detail } of backends())
  describe(`forward passes on ${backend}`, { skip: available ? false : detail }, () => {
    for (const forward of forwards)
      test(`${forward.model}: ${forward.output} of ${dirname(forward.golden)}`, () =>
        assertForward(backend, forward));
  });

async function assertForward(backend: string, { model, golden, output, options }: Forward): Promise<void> {
  using checkpoint = new DenoiserCheckpoint(`${root}/${model}`, options);
  using file = openGolden(golden);
  const { network } = checkpoint;
  const denoiser = await openDenoiser({
    backend,
    network,
    weights: checkpoint,
    sequences: file.entry('x').shape[0]!,
    steps: uncached(network),
  });
  try {
    const actual = await denoiser.evaluate(0, file.read('x'), file.readIntegers('t'), file.readIntegers('y'));
    assertClose(actual, file.read(output), toleranceOf(golden, TOLERANCE), output);
  } finally {
    await denoiser.dispose();
  }
}
