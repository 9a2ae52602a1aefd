import assert from 'node:assert/strict';
import { linkSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { convertModel } from '../../src/export/convert.js';
import { SafetensorsFile, writeSafetensors } from '../../src/weights/safetensors.js';
import { temporaryFolder } from '../support/folder.js';
import { writeTinyModel } from '../support/tinyModel.js';

describe('convert', () => {
  const folder = temporaryFolder();
  const tiny = writeTinyModel(join(folder, 'tiny.safetensors'));
  const out = join(folder, 'out.safetensors');

  test('bf16 and f16 halve the file, and their values are the nearest', async () => {
    const plain = await convertModel(tiny, out);
    using original = new DenoiserCheckpoint(tiny);
    for (const [type, dtype, step] of [
      ['bf16', 'BF16', 2 ** -8],
      ['f16', 'F16', 2 ** -11],
    ] as const) {
      const report = await convertModel(tiny, out, { type });
      assert.equal(report.bytes, statSync(out).size);
      assert.ok(Math.abs(report.bytes / plain.bytes - 0.5) < 0.05, `${report.bytes} of ${plain.bytes}`);
      assert.deepEqual(report.types, { [dtype]: report.tensors });
      using converted = new DenoiserCheckpoint(out);
      const name = 'blocks.0.attn.qkv.weight';
      const expected = original.read(name);
      for (const [i, value] of converted.read(name).entries())
        assert.ok(Math.abs(value - expected[i]!) <= step * Math.abs(expected[i]!) + 2 ** -25, `${value}`);
    }
    await convertModel(out, join(folder, 'wide.safetensors'), { type: 'f32' });
    using narrow = new DenoiserCheckpoint(out);
    using wide = new DenoiserCheckpoint(join(folder, 'wide.safetensors'));
    assert.deepEqual(wide.read('pos_embed'), narrow.read('pos_embed'));
    assert.equal(wide.entry('pos_embed').dtype, 'F32');
  });

  test("a sampler's configuration with Python's numbers and names of classes go with the file", async () => {
    const settings = {
      scheduler: '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity}',
      id2label: '{"0": "tench, \\"Tinca\\" tinca", "2": "\\u0000number Infinity"}',
    };
    const carrying = join(folder, 'carrying.safetensors');
    writeTinyModel(carrying, { metadata: { config: '{"num_heads": 2}', ...settings } });
    await convertModel(carrying, out);
    using converted = new DenoiserCheckpoint(out);
    assert.equal(converted.scheduler?.lambda_min_clipped, Number.NEGATIVE_INFINITY);
    assert.equal(converted.labels.find('Tench'), 0);
    using file = SafetensorsFile.open(out);
    assert.match(file.metadata.scheduler!, /"lambda_min_clipped":-Infinity/);
  });

  test('tensors of wider types come first, so that elements are aligned', async () => {
    const mixed = join(folder, 'mixed.safetensors');
    writeTinyModel(mixed, {
      change: (tensors) => {
        const name = 'x_embedder.proj.bias';
        tensors.set(name, { name, dtype: 'BF16', shape: [32], data: new Uint16Array(32) });
      },
    });
    const report = await convertModel(mixed, out);
    assert.equal(report.types.BF16, 1);
    using file = SafetensorsFile.open(out);
    assert.equal(file.names.at(-1), 'x_embedder.proj.bias');
    assert.equal(file.names.length, report.tensors);
  });

  test('the input is never written over, by whatever name', async () => {
    const link = join(folder, 'link.safetensors');
    linkSync(tiny, link);
    const before = readFileSync(tiny);
    for (const same of [tiny, link, join(folder, '.', 'tiny.safetensors')])
      await assert.rejects(convertModel(tiny, same), {
        name: 'ArgumentError',
        message: /^out is .*; expected a file of its own; .*tiny\.safetensors is read for the conversion$/,
      });
    assert.deepEqual(readFileSync(tiny), before);
  });

  test('the autoencoder of a pipeline, and of a file that has both, is taken when it is asked for', async () => {
    const pipeline = new URL('../../../test/golden/checkpoints/diffusers-dit/current', import.meta.url)
      .pathname;
    for (const path of [pipeline, join(pipeline, 'vae'), join(pipeline, 'transformer')]) {
      const { family, layout } = await convertModel(path, out, { vae: true });
      assert.deepEqual([family, layout], ['autoencoder', 'diffusers']);
    }
    assert.equal((await convertModel(join(pipeline, 'vae'), out)).family, 'autoencoder');
    assert.equal((await convertModel(pipeline, out)).family, 'dit');
    const both = join(folder, 'both.safetensors');
    using vae = SafetensorsFile.open(join(pipeline, 'vae/diffusion_pytorch_model.safetensors'));
    using dit = SafetensorsFile.open(tiny);
    const copied = (file: SafetensorsFile, prefix: string) =>
      file.names.map((name) => ({ ...file.entry(name), name: prefix + name, data: file.bytes(name) }));
    writeSafetensors(both, [...copied(dit, ''), ...copied(vae, 'vae.')], dit.metadata);
    assert.equal((await convertModel(both, out)).family, 'dit');
    await assert.rejects(convertModel(tiny, out, { vae: true }), /holds no autoencoder/);
  });

  test('bad input: one sentence, and no file appears', async () => {
    const target = join(folder, 'never.safetensors');
    const large = join(folder, 'large.safetensors');
    writeTinyModel(large, {
      change: (tensors) => {
        const { shape } = tensors.get('final_layer.linear.bias')!;
        const data = new Float32Array(shape[0]!).fill(70000);
        tensors.set('final_layer.linear.bias', {
          name: 'final_layer.linear.bias',
          dtype: 'F32',
          shape,
          data,
        });
      },
    });
    const other = join(folder, 'other.safetensors');
    writeSafetensors(other, [{ name: 'x', dtype: 'F32', shape: [1], data: new Float32Array(1) }]);
    const refused = (promise: Promise<unknown>, message: RegExp) => assert.rejects(promise, { message });
    await refused(
      convertModel(tiny, target, { type: 'f8' as 'f16' }),
      /^type is 'f8'; expected one of f32, bf16, f16$/,
    );
    await refused(
      convertModel(tiny, target, { Type: 'f16' } as never),
      /^a name in options is 'Type'; expected/,
    );
    await refused(
      convertModel(large, target, { type: 'f16' }),
      /large\.safetensors: tensor 'final_layer\.linear\.bias' holds 70000, which is beyond the range of F16$/,
    );
    await refused(convertModel(other, target), /not a DiT checkpoint/);
    await refused(convertModel(join(folder, 'none.pt'), target), /none\.pt/);
    await refused(convertModel(tiny, folder), /^cannot write .*: it is a folder$/);
    await refused(convertModel(tiny, join(folder, 'no/such.safetensors')), /^cannot write /);
    const controller = new AbortController();
    const onTensor = () => controller.abort();
    await refused(convertModel(tiny, target, { signal: controller.signal, onTensor }), /aborted/);
    assert.deepEqual(
      readdirSync(folder).filter((name) => /never|partial/.test(name)),
      [],
    );
  });
});
