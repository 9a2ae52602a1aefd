/** The decoder of an autoencoder of random weights: a latent of any size becomes a picture of twice the side. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decoderPlan } from '../../src/models/vae/graph.js';
import { parseVaeConfig } from '../../src/models/vae/readConfig.js';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import { Random } from './random.js';

/** Scale and shift are such that leaving either out shows. */
const CONFIG = {
  _class_name: 'AutoencoderKL',
  block_out_channels: [4, 8],
  layers_per_block: 1,
  norm_num_groups: 2,
  scaling_factor: 0.5,
  shift_factor: 0.25,
};

export interface TinyAutoencoderOptions {
  readonly latentChannels?: number;
  /** 3 (the default) in colour, 1 in grey. */
  readonly imageChannels?: number;
}

/** Writes the folder `path`, as diffusers does, and returns it. */
export function writeTinyAutoencoder(path: string, options: TinyAutoencoderOptions = {}): string {
  const { latentChannels = 4, imageChannels = 3 } = options;
  const json = {
    ...CONFIG,
    latent_channels: latentChannels,
    in_channels: imageChannels,
    out_channels: imageChannels,
  };
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'config.json'), JSON.stringify(json));
  const random = new Random(3);
  const { buffers } = decoderPlan(parseVaeConfig(json, path), { height: 2, width: 2 });
  const tensors = buffers
    .filter(({ role }) => role === 'weight')
    .map(({ name, rows, columns }) => ({
      name,
      dtype: 'F32' as const,
      shape: shapeOf(name, rows, columns),
      data: random.normals(rows * columns, rows === 1 ? 0.3 : 1 / Math.sqrt(columns)),
    }));
  writeSafetensors(join(path, 'diffusion_pytorch_model.safetensors'), tensors);
  return path;
}

function shapeOf(name: string, rows: number, columns: number): number[] {
  if (rows === 1) return [columns];
  return /conv(1|2|_in|_out)?\.weight$/.test(name) && columns % 9 === 0
    ? [rows, columns / 9, 3, 3]
    : [rows, columns];
}
