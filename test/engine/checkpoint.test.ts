/** DiT checkpoints as training code, quantising code and diffusers leave them. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { FormatError } from '../../src/errors.js';
import type { DiTConfig } from '../../src/models/dit/config.js';
import { diffusersConfig, diffusersOrigins } from '../../src/models/dit/diffusers.js';
import { positionTable } from '../../src/models/positionTable.js';
import { type TensorToWrite, writeSafetensors } from '../../src/weights/safetensors.js';
import { ditConfig } from '../support/ditConfig.js';
import { temporaryFolder } from '../support/folder.js';
import { TINY, writeTinyModel } from '../support/tinyModel.js';

const folder = temporaryFolder();
let count = 0;
const fresh = (name = 'model.safetensors'): string => {
  const home = join(folder, String(count++));
  mkdirSync(home);
  return join(home, name);
};

type Change = (tensors: Map<string, TensorToWrite>) => void;

const plain = new DenoiserCheckpoint(writeTinyModel(fresh()));

/** All tensors under other names. */
const renamed =
  (rename: (name: string) => string): Change =>
  (tensors) => {
    const all = [...tensors.values()];
    tensors.clear();
    for (const tensor of all) tensors.set(rename(tensor.name), { ...tensor, name: rename(tensor.name) });
  };

const added =
  (...extra: TensorToWrite[]): Change =>
  (tensors) => {
    for (const tensor of extra) tensors.set(tensor.name, tensor);
  };

function openChanged(...changes: Change[]): DenoiserCheckpoint {
  const change: Change = (tensors) => {
    for (const apply of changes) apply(tensors);
  };
  return new DenoiserCheckpoint(writeTinyModel(fresh(), { change }));
}

const step: TensorToWrite = { name: 'step', dtype: 'I64', shape: [], data: BigInt64Array.of(7n) };

describe("checkpoints with Meta's names", () => {
  for (const prefix of ['module.', '_orig_mod.', 'module._orig_mod.', 'model.', 'net.'])
    test(`checkpoint-variants: every name begins with ${prefix}`, () => {
      using checkpoint = openChanged(renamed((name) => prefix + name));
      assert.equal(checkpoint.hash, plain.hash);
      assert.deepEqual(checkpoint.notes, []);
    });

  test('checkpoint-variants: what no layer uses is left out and named', () => {
    using checkpoint = openChanged(
      renamed((name) => `module.${name}`),
      added(step, { name: 'scaled', dtype: 'F8_E4M3', shape: [2], data: new Uint8Array(2) }),
    );
    assert.equal(checkpoint.hash, plain.hash);
    assert.match(
      checkpoint.notes.join(),
      /left out 2 tensors that no layer uses: (?:step, scaled|scaled, step)$/,
    );
  });

  for (const name of ['blocks.1.attn.q_norm.weight', 'x_embedder.norm.weight', 'blocks.2.attn.qkv.weight'])
    test(`a tensor that would change what the model computes is refused: ${name}`, () => {
      assert.throws(
        () => openChanged(added({ name, dtype: 'F32', shape: [2], data: new Float32Array(2) })),
        (error: Error) => error instanceof FormatError && error.message.includes(name),
      );
    });

  test('of averaged and other weights in one file the averaged are taken, unless others are asked for', () => {
    const path = writeTinyModel(fresh(), {
      change: (tensors) => {
        const all = [...tensors.values()];
        tensors.clear();
        for (const { name, dtype, shape, data } of all) {
          tensors.set(`ema.${name}`, { name: `ema.${name}`, dtype, shape, data });
          const zeros = new Float32Array((data as Float32Array).length);
          tensors.set(`model.${name}`, { name: `model.${name}`, dtype, shape, data: zeros });
        }
      },
    });
    using ema = new DenoiserCheckpoint(path);
    assert.equal(ema.hash, plain.hash);
    using model = new DenoiserCheckpoint(path, { weightsKey: 'model' });
    assert.ok(model.read('pos_embed').every((value) => value === 0));
    assert.throws(
      () => new DenoiserCheckpoint(path, { weightsKey: 'opt' }),
      /weightsKey is 'opt'; expected what names/,
    );
    assert.throws(
      () => new DenoiserCheckpoint(path, { frequencyShift: 200 }),
      /frequencyShift is 200; expected/,
    );
  });

  test('float8 weights are multiplied by the scale beside them', () => {
    const linear = 'blocks.0.mlp.fc2';
    using checkpoint = openChanged((tensors) => {
      const { shape } = tensors.get(`${linear}.weight`)!;
      const data = new Uint8Array(shape[0]! * shape[1]!).fill(0x38);
      tensors.set(`${linear}.weight`, { name: `${linear}.weight`, dtype: 'F8_E4M3', shape, data });
      added(
        { name: `${linear}.scale_weight`, dtype: 'F32', shape: [], data: Float32Array.of(0.25) },
        { name: `${linear}.scale_input`, dtype: 'F32', shape: [1], data: Float32Array.of(3) },
      )(tensors);
    });
    assert.ok(checkpoint.read(`${linear}.weight`).every((value) => value === 0.25));
    assert.equal(checkpoint.entry(`${linear}.weight`).dtype, 'F32');
    assert.deepEqual(checkpoint.notes, []);
  });

  test("metadata may say what is not as in Meta's code", () => {
    const config = { num_heads: 2, frequency_shift: 1, mlp_norm_eps: 1e-5, guidance_channels: 1 };
    const path = writeTinyModel(fresh(), { metadata: { config: JSON.stringify(config) } });
    using checkpoint = new DenoiserCheckpoint(path);
    const { frequencyShift, mlpNormEpsilon, guidanceChannels } = ditConfig(checkpoint);
    assert.deepEqual([frequencyShift, mlpNormEpsilon, guidanceChannels], [1, 1e-5, 1]);
    const bad = writeTinyModel(fresh(), { metadata: { config: '{"num_heads": 2, "frequency_shift": 200}' } });
    assert.throws(() => new DenoiserCheckpoint(bad), /frequency_shift 200; expected 0 to 1/);
  });
});

const CONFIG = {
  _class_name: 'DiTTransformer2DModel',
  num_attention_heads: TINY.heads,
  attention_head_dim: TINY.hiddenSize / TINY.heads,
  in_channels: TINY.inChannels,
  out_channels: 2 * TINY.inChannels,
  num_layers: TINY.depth,
  sample_size: TINY.inputSize,
  patch_size: TINY.patchSize,
  num_embeds_ada_norm: TINY.classes,
};
const WIDE: DiTConfig = { ...TINY, mlpSize: 4 * TINY.hiddenSize };

/** The tiny model with diffusers' names and its configuration beside it; returns the folder. */
function writeDiffusers(change: Change = () => {}, config: object = CONFIG): string {
  const file = fresh('diffusion_pytorch_model.safetensors');
  const meta = new DenoiserCheckpoint(writeTinyModel(fresh(), { config: WIDE }));
  const tensors = new Map<string, TensorToWrite>();
  const write = (name: string, dtype: 'F32', shape: readonly number[], data: Float32Array): void => {
    tensors.set(name, { name, dtype, shape, data });
  };
  for (const [name, parts] of diffusersOrigins({ ...WIDE, blockEmbedders: true })) {
    const shared = name.replace(/^blocks\.\d+\.(?=[ty]_embedder)/, '');
    const values = meta.read(shared);
    const shape = meta.entry(shared).shape;
    const rows = shape[0]! / parts.length;
    const size = values.length / parts.length;
    for (const [i, part] of parts.entries())
      write(part, 'F32', [rows, ...shape.slice(1)], values.slice(i * size, (i + 1) * size));
  }
  change(tensors);
  writeSafetensors(file, tensors.values());
  const home = join(file, '..');
  writeFileSync(join(home, 'config.json'), JSON.stringify(config));
  meta.dispose();
  return home;
}

describe('checkpoints with the names of diffusers', () => {
  test('equal embedders are used once, and the position table is computed', () => {
    using checkpoint = new DenoiserCheckpoint(writeDiffusers());
    assert.equal(checkpoint.layout, 'diffusers');
    assert.equal(ditConfig(checkpoint).blockEmbedders, undefined);
    assert.deepEqual(checkpoint.entry('pos_embed').shape, [1, 16, TINY.hiddenSize]);
    assert.deepEqual(checkpoint.read('pos_embed'), positionTable({ height: 4, width: 4 }, TINY.hiddenSize));
    assert.deepEqual(checkpoint.entry('blocks.0.attn.qkv.weight').shape, [
      3 * TINY.hiddenSize,
      TINY.hiddenSize,
    ]);
  });

  test('one number that differs gives every block embedders of its own', () => {
    const name = 'transformer_blocks.1.norm1.emb.timestep_embedder.linear_1.bias';
    using checkpoint = new DenoiserCheckpoint(
      writeDiffusers((tensors) => {
        (tensors.get(name)!.data as Float32Array)[5]! += 1;
      }),
    );
    assert.equal(ditConfig(checkpoint).blockEmbedders, true);
    assert.notDeepEqual(
      checkpoint.read('blocks.0.t_embedder.mlp.0.bias'),
      checkpoint.read('blocks.1.t_embedder.mlp.0.bias'),
    );
  });

  const refusals: [string, Change, object, RegExp][] = [
    ['a tensor that is missing', (t) => t.delete('transformer_blocks.1.attn1.to_k.bias'), {}, /to_k\.bias/],
    [
      'a stranger',
      added({ ...step, name: 'transformer_blocks.0.attn2.to_q.weight' }),
      {},
      /attn2\.to_q\.weight' does not belong/,
    ],
    [
      'a tensor of PixArt',
      added({ ...step, name: 'adaln_single.linear.weight' }),
      {},
      /is the configuration of "DiTTransformer2DModel"; expected PixArt/,
    ],
    ['other sizes', () => {}, { num_layers: 3 }, /transformer_blocks\.2/],
    ['other heads', () => {}, { attention_head_dim: 8 }, /has shape|expected/],
    [
      'another kind of norm',
      () => {},
      { norm_type: 'layer_norm' },
      /norm_type is "layer_norm"; expected "ada_norm_zero"/,
    ],
    ['another class', () => {}, { _class_name: 'UNet2DModel' }, /is the configuration of "UNet2DModel"/],
    ['a size that is none', () => {}, { sample_size: -1 }, /sample_size is -1; expected a whole number/],
    ['blocks without end', () => {}, { num_layers: 2 ** 40 }, /num_layers is 1099511627776; expected/],
    ['outputs that fit nothing', () => {}, { out_channels: 3 }, /out_channels is 3; expected in_channels/],
  ];
  for (const [what, change, fields, message] of refusals)
    test(`refuses ${what}`, () => {
      const home = writeDiffusers(change, { ...CONFIG, ...fields });
      assert.throws(
        () => new DenoiserCheckpoint(home),
        (error: Error) =>
          error instanceof FormatError && error.message.includes(home) && message.test(error.message),
      );
    });

  test('without its configuration, and with one that is damaged', () => {
    const home = writeDiffusers();
    const alone = fresh('alone.safetensors');
    cpSync(join(home, 'diffusion_pytorch_model.safetensors'), alone);
    assert.throws(
      () => new DenoiserCheckpoint(alone),
      /whose sizes stand in config\.json; it is not beside them/,
    );
    for (const text of ['', '[1]', '{"num_layers": 2', `${'['.repeat(100_000)}`]) {
      writeFileSync(join(home, 'config.json'), text);
      assert.throws(() => new DenoiserCheckpoint(home), FormatError);
    }
    writeFileSync(join(home, 'config.json'), `\ufeff${JSON.stringify(CONFIG)}`);
    new DenoiserCheckpoint(home).dispose();
  });

  test('a folder of a pipeline tells where its other parts are', () => {
    const root = fresh('pipeline');
    cpSync(writeDiffusers(), join(root, 'transformer'), { recursive: true });
    for (const part of ['vae', 'scheduler']) mkdirSync(join(root, part));
    writeFileSync(
      join(root, 'model_index.json'),
      '{"_class_name": "DiTPipeline", "id2label": {"0": "tench"}}',
    );
    using checkpoint = new DenoiserCheckpoint(root);
    assert.deepEqual(checkpoint.files, {
      weights: join(root, 'transformer'),
      config: join(root, 'transformer', 'config.json'),
      root,
      parts: { scheduler: join(root, 'scheduler'), vae: join(root, 'vae') },
      index: JSON.parse(readFileSync(join(root, 'model_index.json'), 'utf8')),
    });
    const other = fresh('unet-pipeline');
    mkdirSync(other);
    writeFileSync(join(other, 'model_index.json'), '{}');
    assert.throws(() => new DenoiserCheckpoint(other), /no folder 'transformer'/);
  });

  test('defaults are those of the class that the configuration names', () => {
    const config = diffusersConfig('config.json', {});
    assert.deepEqual([config.hiddenSize, config.depth, config.heads, config.classes], [1152, 28, 16, 1000]);
    assert.deepEqual(
      [config.mlpNormEpsilon, config.learnSigma, config.positionScale],
      [1e-5, false, undefined],
    );
    const old = { ...CONFIG, _class_name: 'Transformer2DModel' };
    assert.throws(() => diffusersConfig('config.json', old), /norm_type is "layer_norm"/);
    const whole = {
      norm_type: 'ada_norm_zero',
      attention_bias: true,
      activation_fn: 'gelu-approximate',
      norm_elementwise_affine: false,
    };
    const wide = diffusersConfig('config.json', { ...old, ...whole, sample_size: 128 });
    assert.equal(wide.positionScale, 2);
  });
});
