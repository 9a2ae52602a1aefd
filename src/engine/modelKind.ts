/** What a file or folder of weights is, before it is opened as that. */

import { hasNetwork } from '../models/families.js';
import { namesOf } from '../models/vae/names.js';
import type { OpenOptions } from '../weights/openTensors.js';
import { locateModel, partFolder } from './modelFiles.js';
import { openModelTensors } from './openModelTensors.js';

/** Whether the tensors at `path` are those of an autoencoder, and no network's are among them. Reads headers. */
export function isAutoencoder(path: string, options: OpenOptions = {}): boolean {
  if (locateModel(path).weights !== path) return false;
  using source = openModelTensors(path, options);
  return !hasNetwork(source.names) && namesOf(source.names) !== undefined;
}

/** Where the autoencoder of a model lies: its folder `vae`, else `path` itself, which may hold one. */
export function locateAutoencoder(path: string): string {
  return partFolder(path, 'vae') ?? locateModel(path).parts.vae ?? path;
}
