/** The autoencoder of a pipeline: its file, and the same on a device. */
import type { Device } from '../backend/backend.js';
import type { VaeHints } from '../models/vae/config.js';
import { Autoencoder } from './autoencoder.js';
import { VaeCheckpoint } from './vaeCheckpoint.js';

export function openVae(path: string, hints: VaeHints): VaeCheckpoint {
  return new VaeCheckpoint(path, hints);
}

export function vaeOn(checkpoint: VaeCheckpoint, device: Device): Autoencoder {
  return new Autoencoder(checkpoint, device);
}
