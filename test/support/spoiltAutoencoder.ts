/** An autoencoder that opens and fails when it decodes: one of its weights is no number. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { SafetensorsFile, writeSafetensors } from '../../src/weights/safetensors.js';

const FILE = 'diffusion_pytorch_model.safetensors';

/** Copies the folder `from` to `to` and returns `to`. */
export function spoiltAutoencoder(from: string, to: string): string {
  cpSync(from, to, { recursive: true });
  using source = SafetensorsFile.open(join(from, FILE));
  const tensors = source.names.map((name) => {
    const data = source.read(name);
    if (name === 'decoder.conv_out.weight') data[0] = Number.NaN;
    return { name, dtype: 'F32' as const, shape: source.entry(name).shape, data };
  });
  writeSafetensors(join(to, FILE), tensors);
  return to;
}
