/** What a file or folder of weights is, before it is opened as that. */
import { join } from 'node:path';
import { namesOf } from '../models/vae/names.js';
import { type OpenOptions, openTensors } from '../weights/openTensors.js';
import { isFolder } from '../weights/weightsFolder.js';
import { hasDit } from './ditLayout.js';
import { locateModel } from './modelFiles.js';

/** Whether the tensors at `path` are those of an autoencoder, and no DiT is among them. Reads headers. */
export function isAutoencoder(path: string, options: OpenOptions = {}): boolean {
  if (locateModel(path).weights !== path) return false;
  using source = openTensors(path, options);
  return !hasDit(source.names) && namesOf(source.names) !== undefined;
}

/** Where the autoencoder of a model lies: its folder `vae`, else `path` itself, which may hold one. */
export function locateAutoencoder(path: string): string {
  const folder = join(path, 'vae');
  return isFolder(path) && isFolder(folder) ? folder : (locateModel(path).parts.vae ?? path);
}
