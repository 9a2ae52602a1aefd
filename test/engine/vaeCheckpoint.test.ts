/** Autoencoders that are no autoencoders, or not whole: one sentence each. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { backends, openDevice } from '../../src/backend/choose.js';
import { Autoencoder } from '../../src/engine/autoencoder.js';
import { VaeCheckpoint } from '../../src/engine/vaeCheckpoint.js';
import { decoderPlan } from '../../src/models/vae/graph.js';
import { layoutTemporaries } from '../../src/plan/layout.js';
import { SafetensorsFile, writeSafetensors } from '../../src/weights/safetensors.js';
import { temporaryFolder } from '../support/folder.js';

const SMALL = new URL('../../../test/golden/checkpoints/vae/small', import.meta.url).pathname;

describe('files of autoencoders', () => {
  const folder = temporaryFolder();
  let copies = 0;

  /** A copy of a good one with other fields of its config and without some of its tensors. */
  function changed(
    fields: Readonly<Record<string, unknown>>,
    drop = /^$/,
    rename = (name: string) => name,
  ): string {
    const copy = join(folder, String(copies++));
    cpSync(SMALL, copy, { recursive: true });
    const config = JSON.parse(readFileSync(join(copy, 'config.json'), 'utf8'));
    writeFileSync(join(copy, 'config.json'), JSON.stringify({ ...config, ...fields }));
    const file = 'diffusion_pytorch_model.safetensors';
    using source = SafetensorsFile.open(join(SMALL, file));
    const tensors = source.names
      .filter((name) => !drop.test(name))
      .map((name) => ({ name: rename(name), ...source.entry(name), data: source.bytes(name) }));
    writeSafetensors(join(copy, file), tensors);
    return copy;
  }
  const refused = (path: string, message: RegExp) =>
    assert.throws(() => new VaeCheckpoint(path), { name: 'FormatError', message });

  test('a field that is not supported is named, with its value', () => {
    refused(changed({ act_fn: 'mish' }), /config\.json: act_fn is "mish"; expected 'silu'$/);
    refused(
      changed({ norm_num_groups: 7 }),
      /norm_num_groups is 7; expected a divisor of every width; 16 is one of them$/,
    );
    refused(changed({ latents_mean: [0, 0, 0, 0] }), /latents_mean is \[0,0,0,0\]; expected null/);
    refused(
      changed({ down_block_types: ['DownEncoderBlock2D', 'AttnDownEncoderBlock2D'] }),
      /down_block_types is /,
    );
    for (const field of ['block_out_channels', 'layers_per_block', 'scaling_factor', 'use_quant_conv'])
      refused(changed({ [field]: 'constructor' }), new RegExp(`${field} is "constructor"; expected `));
    refused(
      changed({ block_out_channels: [] }),
      /block_out_channels is \[\]; expected 1 to 8 positive integers$/,
    );
  });

  test('a tensor that is missing or of another size is named', () => {
    refused(
      changed({}, /mid_block\.resnets\.1\.conv1\.bias/),
      /tensor '(en|de)coder\.mid_block\.resnets\.1\.conv1\.bias' is missing$/,
    );
    refused(
      changed({ latent_channels: 5 }),
      /tensor 'post_quant_conv\.weight' has shape \[4,4,1,1\]; expected 5 x 5 elements$/,
    );
    refused(changed({}, /^decoder\.conv_in/), /holds no autoencoder/);
  });

  test('the names of diffusers before 0.13', () => {
    const old = { to_q: 'query', to_k: 'key', to_v: 'value', 'to_out.0': 'proj_attn' };
    const rename = (name: string) =>
      Object.entries(old).reduce(
        (text, [from, to]) => text.replace(`attentions.0.${from}.`, `attentions.0.${to}.`),
        name,
      );
    using current = new VaeCheckpoint(SMALL);
    using renamed = new VaeCheckpoint(changed({}, /^$/, rename));
    const name = 'decoder.mid_block.attentions.0.to_out.0.weight';
    assert.deepEqual(renamed.read(name), current.read(name));
  });

  test('a file without a config says its scaling factor where nothing tells it', () => {
    const wide = changed({});
    const file = 'diffusion_pytorch_model.safetensors';
    const alone = join(folder, 'alone.safetensors');
    cpSync(join(wide, file), alone);
    // 8 groups instead of the 32 of CompVis' files.
    using vae = new VaeCheckpoint(alone, { groups: 8 });
    assert.deepEqual([vae.config.scalingFactor, vae.config.channels], [0.18215, [16, 32]]);
    const sixteen = join(folder, 'sixteen.safetensors');
    using source = SafetensorsFile.open(alone);
    const kept = source.names.filter((name) => !/^encoder\.|quant_conv/.test(name));
    const widened = kept.map((name) => {
      const { dtype, shape } = source.entry(name);
      const sides = name === 'decoder.conv_in.weight' ? [32, 16, 3, 3] : shape;
      return { name, dtype, shape: sides, data: new Float32Array(sides.reduce((a, b) => a * b, 1)) };
    });
    writeSafetensors(sixteen, widened);
    assert.throws(
      () => new VaeCheckpoint(sixteen),
      /scalingFactor is missing; expected a positive number: .* has 16 latent channels.*--scaling-factor, --shift-factor/,
    );
    using told = new VaeCheckpoint(sixteen, { groups: 8, scalingFactor: 1.5305, shiftFactor: 0.0609 });
    assert.deepEqual([told.config.scalingFactor, told.config.shiftFactor], [1.5305, 0.0609]);
    using other = new VaeCheckpoint(wide, { scalingFactor: 2 });
    assert.equal(other.config.scalingFactor, 2, 'what is given comes before the config.json');
  });

  test('latents of other channels, pictures without an encoder, a decoder that was freed', async () => {
    const device = await openDevice('wasm', { threads: 1 });
    try {
      using whole = new VaeCheckpoint(SMALL);
      const autoencoder = new Autoencoder(whole, device);
      await assert.rejects(autoencoder.decode(new Float32Array(16 * 4), [1, 16, 2, 2]), {
        name: 'ArgumentError',
        message: /^latents is 'of 16 channels'; expected 4 channels, as .*small has$/,
      });
      await assert.rejects(
        autoencoder.decode(new Float32Array(3), [1, 4, 2, 2]),
        /latents is '3 values'; expected 16/,
      );
      await assert.rejects(
        autoencoder.encode(new Float32Array(3), [1, 3, 1, 1]),
        /expected sides of at least 2/,
      );
      using half = new VaeCheckpoint(changed({}, /^encoder\.|^quant_conv/));
      await assert.rejects(
        new Autoencoder(half, device).encode(new Float32Array(12), [1, 3, 2, 2]),
        /has a decoder alone/,
      );
      autoencoder.dispose();
      await assert.rejects(autoencoder.decode(new Float32Array(16), [1, 4, 2, 2]), /has been disposed/);
    } finally {
      await device.dispose();
    }
  });

  for (const { name, available, detail } of backends())
    test(`${name}: where the whole does not fit it is decoded in tiles`, {
      skip: !available && detail,
    }, async () => {
      using checkpoint = new VaeCheckpoint(SMALL);
      const device = await openDevice(name, { threads: 1 });
      const shape = [1, 4, 20, 16] as const;
      const latents = new Float32Array(4 * 20 * 16).map((_, i) => Math.sin(i));
      const autoencoder = new Autoencoder(checkpoint, device);
      const expected = await autoencoder.decode(latents, shape, { tiled: true });
      const [tile, whole] = [16, 20].map((height) => {
        const plan = decoderPlan(checkpoint.config, { height, width: 16, activations: device.activations });
        return layoutTemporaries(plan).arenaBytes;
      }) as [number, number];
      const leave = (bytes: number) =>
        Object.defineProperty(device, 'memoryLimit', {
          get: () => device.memoryInUse + bytes,
          configurable: true,
        });
      const io = 4 * (4 * 16 * 16 + 3 * 32 * 32);
      leave(tile + io);
      assert.ok(whole > tile + io);
      assert.deepEqual(await autoencoder.decode(latents, shape), expected);
      await assert.rejects(autoencoder.decode(latents, shape, { tiled: false }), {
        name: 'OutOfMemoryError',
      });
      leave(tile / 2);
      await assert.rejects(autoencoder.decode(latents, shape), { name: 'OutOfMemoryError' });
      autoencoder.dispose();
      await device.dispose();
    });
});
