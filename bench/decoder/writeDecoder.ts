/** The decoder of the problem as a file, as diffusers writes it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import { CONFIG, decoderProblem } from './problem.js';

/** Writes the folder `vae` of an autoencoder with its decoder alone into `folder`, and returns it. */
export function writeDecoder(folder: string): string {
  const vae = join(folder, 'vae');
  mkdirSync(vae);
  const { shapes, tensor } = decoderProblem(32);
  const config = {
    _class_name: 'AutoencoderKL',
    block_out_channels: CONFIG.channels,
    layers_per_block: CONFIG.layersPerBlock,
    sample_size: CONFIG.sampleSize,
  };
  writeFileSync(join(vae, 'config.json'), JSON.stringify(config));
  const tensors = shapes.map(({ name, shape }) => ({
    name,
    dtype: 'F32' as const,
    shape,
    data: () => tensor(name).data,
  }));
  writeSafetensors(join(vae, 'diffusion_pytorch_model.safetensors'), tensors);
  return vae;
}
