/** Opening the weights of a model, whatever form they have. */
import { isFolder } from '#platform/files';
import { findWeights, openSharded, openTorchLegacy, openTorchZip } from '#platform/parts';
import { ArgumentError } from '../errors.js';
import { type FileKind, kindOfFile } from './fileKind.js';
import { SafetensorsFile } from './safetensors.js';
import type { TensorSource } from './tensorSource.js';

export interface OpenOptions {
  /**
   * Which dictionary of a PyTorch checkpoint holds the weights, as in `model`. Default: averaged weights (`ema`) where
   * there are any, else the ones that are there.
   */
  readonly weightsKey?: string;
  /** In a folder: files of this variant, as `fp16` in `diffusion_pytorch_model.fp16.safetensors`. */
  readonly variant?: string;
}

/**
 * Opens a safetensors file, a PyTorch checkpoint (`.pt`, `.pth`, `.bin`, `.ckpt`, old or new format), the index of either
 * in several files, or a folder that holds one of these. Only headers are read. Throws a `FormatError` that says what the
 * file is instead or what is wrong with it, an `ArgumentError` for options that do not fit it.
 */
export function openTensors(path: string, options: OpenOptions = {}): TensorSource {
  const file = isFolder(path) ? findWeights(path, options.variant) : path;
  const kind = kindOfFile(file);
  if (kind !== 'index') return OPENERS[kind](file, options);
  return openSharded(file, (shard) => {
    const shardKind = kindOfFile(shard);
    // An index that lists indexes has no end. Names that begin with the key may all lie in other files.
    if (shardKind === 'index' || shardKind === 'safetensors') return SafetensorsFile.open(shard);
    return OPENERS[shardKind](shard, options);
  });
}

const OPENERS: Record<Exclude<FileKind, 'index'>, (path: string, options: OpenOptions) => TensorSource> = {
  safetensors: (path, { weightsKey }) => openSafetensors(path, weightsKey),
  torchZip: (path, { weightsKey }) => openTorchZip(path, weightsKey),
  torchLegacy: (path, { weightsKey }) => openTorchLegacy(path, weightsKey),
};

/** Where a file has no dictionaries, the key is what names of tensors begin with; that it begins none is said here. */
function openSafetensors(path: string, weightsKey: string | undefined): SafetensorsFile {
  const file = SafetensorsFile.open(path);
  if (weightsKey === undefined || file.names.some((name) => name.startsWith(`${weightsKey}.`))) return file;
  file.close();
  throw new ArgumentError('weightsKey', weightsKey, `what names of tensors in ${path} begin with; none does`);
}
