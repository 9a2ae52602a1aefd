/** The autoencoder against diffusers' and CompVis': activations after each part, pictures, tiles and moments. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { openDevice, probeBackends } from '../../src/backend/choose.js';
import { Autoencoder, type BatchShape } from '../../src/engine/autoencoder.js';
import { VaeCheckpoint } from '../../src/engine/vaeCheckpoint.js';
import { decoderPlan, encoderPlan, type FeatureTap } from '../../src/models/vae/graph.js';
import { SafetensorsFile } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { goldenFolder, requireKind } from '../support/golden.js';
import { runPlan } from '../support/runPlan.js';

const TOLERANCE = 1e-4;

const root = join(goldenFolder(), 'checkpoints/vae');
const folders = existsSync(root)
  ? readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  : [];
const models = folders.map(({ name }) => join(root, name));
const diffusers = models.filter((folder) => existsSync(join(folder, 'decoder.safetensors')));
const compVis = models.filter((folder) => existsSync(join(folder, 'golden.safetensors')));

/** diffusers' names of what CompVis' code recorded; `up` is counted from the picture. */
function diffusersName(name: string, levels: number): string | undefined {
  const [, side, part] = /^(decoder|encoder)\.(.+)$/.exec(name) ?? ['', '', name];
  const up = /^up\.(\d+)$/.exec(part!);
  if (side === 'decoder' && up) return `up_blocks.${levels - 1 - Number(up[1])}`;
  const names: Readonly<Record<string, string>> = {
    conv_in: 'conv_in',
    conv_out: 'conv_out',
    'mid.block_1': 'mid_block.resnets.0',
    'mid.attn_1': 'mid_block.attentions.0',
    'mid.block_2': 'mid_block',
    post_quant_conv: 'post_quant_conv',
  };
  return names[part!] ?? part!.replace(/^down\.(\d+)$/, 'down_blocks.$1');
}

/** Runs a plan and returns what every part gave, as channels x height x width of one image. */
async function traced(
  device: Device,
  checkpoint: VaeCheckpoint,
  side: 'decoder' | 'encoder',
  file: SafetensorsFile,
  input: string,
) {
  const [, , height, width] = file.entry(input).shape as [number, number, number, number];
  const shapes = new Map<string, readonly number[]>();
  const tap: FeatureTap = (builder, name, features) => {
    const { view } = features;
    const shape = { channels: view.columns, height: features.height, width: features.width, patch: 1 };
    shapes.set(name, [1, view.columns, features.height, features.width]);
    builder.append({
      op: 'unpatchify',
      x: view,
      ...shape,
      out: builder.output(name, 1, view.rows * view.columns),
    });
  };
  const makePlan = side === 'decoder' ? decoderPlan : encoderPlan;
  const plan = makePlan(checkpoint.config, { height, width, tap });
  const name = side === 'decoder' ? 'latents' : 'image';
  const outputs = await runPlan(device, plan, checkpoint, { [name]: file.read(input) });
  return { outputs, shapes };
}

const shapeOf = (file: SafetensorsFile, name: string) => file.entry(name).shape as unknown as BatchShape;

requireKind('autoencoders', [...diffusers, ...compVis]);

for (const { name: backend, available, detail } of await probeBackends())
  describe(`autoencoders on ${backend}`, { skip: available ? false : detail }, () => {
    let device: Device;
    before(async () => {
      device = await openDevice(backend, backend === 'cuda' ? { weights: 'f32' } : {});
    });
    after(() => device.dispose());

    for (const folder of diffusers) {
      const name = folder.slice(root.length + 1);
      describe(name, () => {
        const checkpoint = new VaeCheckpoint(folder);
        const decoder = SafetensorsFile.open(join(folder, 'decoder.safetensors'));
        const encoder = SafetensorsFile.open(join(folder, 'encoder.safetensors'));
        let autoencoder: Autoencoder;
        before(() => {
          autoencoder = new Autoencoder(checkpoint, device);
        });
        after(() => autoencoder.dispose());

        test('activations of the decoder', async () => {
          const { outputs, shapes } = await traced(device, checkpoint, 'decoder', decoder, 'wide.z');
          for (const [part, shape] of shapes) {
            if (!decoder.tensors.has(`wide.${part}`)) continue;
            assert.deepEqual(shape, decoder.entry(`wide.${part}`).shape, part);
            assertClose(outputs.get(part)!, decoder.read(`wide.${part}`), TOLERANCE, part);
          }
          assertClose(outputs.get('image')!, decoder.read('wide.sample'), TOLERANCE, 'sample');
        });

        test('activations of the encoder', async () => {
          const { outputs } = await traced(device, checkpoint, 'encoder', encoder, 'x');
          for (const [part, values] of outputs)
            if (encoder.tensors.has(part)) assertClose(values, encoder.read(part), TOLERANCE, part);
        });

        test('latents of the diffusion model become pictures', async () => {
          const shape = shapeOf(decoder, 'wide.model_latents');
          const pictures = await autoencoder.decode(decoder.read('wide.model_latents'), shape);
          assertClose(pictures, decoder.read('wide.sample_from_model_latents'), TOLERANCE, 'pictures');
        });

        test('a batch is decoded image by image', async () => {
          const { scalingFactor, shiftFactor } = checkpoint.config;
          const z = decoder.read('square.z').map((value) => (value - shiftFactor) * scalingFactor);
          const done: number[] = [];
          const pictures = await autoencoder.decode(z, shapeOf(decoder, 'square.z'), {
            onImage: (image) => done.push(image),
          });
          assertClose(pictures, decoder.read('square.sample'), TOLERANCE, 'pictures');
          assert.deepEqual(done, [0, 1].slice(0, shapeOf(decoder, 'square.z')[0]));
        });

        test('mean and deviation of latents', async () => {
          const { mean, standardDeviation, shape } = await autoencoder.encode(
            encoder.read('x'),
            shapeOf(encoder, 'x'),
          );
          const { scalingFactor, shiftFactor } = checkpoint.config;
          assert.deepEqual(shape, shapeOf(encoder, 'mean'));
          const scaled = encoder.read('mean').map((value) => (value - shiftFactor) * scalingFactor);
          assertClose(mean, scaled, TOLERANCE, 'mean');
          assertClose(
            standardDeviation,
            encoder.read('std').map((value) => value * scalingFactor),
            TOLERANCE,
            'std',
          );
        });

        test('sides that the levels do not divide', async () => {
          const { outputs } = await traced(device, checkpoint, 'encoder', encoder, 'odd.x');
          assertClose(outputs.get('moments')!, encoder.read('odd.moments'), TOLERANCE, 'moments');
        });

        // Tiles are cut and joined on the host, in the same way for every backend.
        const noTiles = !decoder.tensors.has('tiled.z') && 'no tiles were recorded';
        test('tiles', { skip: noTiles || (backend === 'reference' && 'it is slow') }, async () => {
          const { scalingFactor, shiftFactor } = checkpoint.config;
          const latents = decoder.read('tiled.z').map((value) => (value - shiftFactor) * scalingFactor);
          const shape = shapeOf(decoder, 'tiled.z');
          const tiled = await autoencoder.decode(latents, shape, { tiled: true });
          assertClose(tiled, decoder.read('tiled.sample'), TOLERANCE, 'tiled');
          const whole = await autoencoder.decode(latents, shape, { tiled: false });
          assertClose(whole, decoder.read('tiled.untiled_sample'), TOLERANCE, 'at once');
        });
      });
    }

    for (const folder of compVis)
      for (const file of readdirSync(folder).filter((each) => /\.ckpt$|ldm-names.*\.safetensors$/.test(each)))
        test(`CompVis' ${folder.slice(root.length + 1)}/${file}`, async () => {
          const path = alone(join(folder, file));
          using checkpoint = new VaeCheckpoint(path);
          const config = JSON.parse(readFileSync(join(folder, 'diffusers-config.json'), 'utf8'));
          assert.deepEqual(checkpoint.config.channels, config.block_out_channels);
          const golden = SafetensorsFile.open(join(folder, 'golden.safetensors'));
          const levels = checkpoint.config.channels.length;
          const sides =
            checkpoint.hasEncoder && golden.tensors.has('x')
              ? (['decoder', 'encoder'] as const)
              : (['decoder'] as const);
          for (const side of sides) {
            const { outputs } = await traced(
              device,
              checkpoint,
              side,
              golden,
              side === 'decoder' ? 'z' : 'x',
            );
            const own = [...golden.tensors.keys()].filter((key) => key.startsWith(`${side}.`));
            let compared = 0;
            for (const key of own) {
              const values = outputs.get(diffusersName(key, levels)!);
              if (!values) continue;
              compared++;
              assertClose(values, golden.read(key), TOLERANCE, key);
            }
            assert.ok(compared >= 4, `of ${own.length} activations of the ${side} ${compared} were compared`);
            const [output, expected] = side === 'decoder' ? ['image', 'sample'] : ['moments', 'moments'];
            assertClose(outputs.get(output!)!, golden.read(expected!), TOLERANCE, expected!);
          }
        });
  });

/** A copy in a folder of its own: what lies beside the file is the config of CompVis' code. */
const scratch = temporaryFolder();
function alone(path: string): string {
  const copy = join(scratch, path.replaceAll('/', '_'));
  copyFileSync(path, copy);
  return copy;
}
