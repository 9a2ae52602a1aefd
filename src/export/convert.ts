/** A model of any form as one safetensors file. */
import { statSync } from 'node:fs';
import { DenoiserCheckpoint } from '../engine/checkpoint.js';
import { settingsFiles } from '../engine/modelFiles.js';
import { isAutoencoder, locateAutoencoder } from '../engine/modelKind.js';
import { settingsMetadata } from '../engine/modelSettings.js';
import { OPEN_MODEL_OPTION_NAMES, type OpenModelOptions } from '../engine/openModelOptions.js';
import { VaeCheckpoint } from '../engine/vaeCheckpoint.js';
import { ArgumentError, requireOneOf } from '../errors.js';
import { vaeConfigFields } from '../models/vae/readConfig.js';
import { type OptionNames, requireOptions } from '../optionNames.js';
import type { LatentFactors } from '../pipeline/decoder.js';
import { requireWritable } from '../weights/atomicFile.js';
import { DTYPE_BYTES, type Dtype, tensorBytes } from '../weights/dtypes.js';
import { type NarrowType, narrowFloat32 } from '../weights/narrow.js';
import { type TensorToWrite, writeSafetensorsAsync } from '../weights/safetensors.js';

/** Types that weights can be written in, and what safetensors calls them. */
const CONVERTED = { f32: 'F32', bf16: 'BF16', f16: 'F16' } as const satisfies Record<string, NarrowType>;
export type ConvertedType = keyof typeof CONVERTED;
export const CONVERTED_TYPES = Object.keys(CONVERTED) as ConvertedType[];

export interface ConvertOptions extends OpenModelOptions, LatentFactors {
  /** The autoencoder of the model (its folder `vae`, or the one in its file) instead of its network. */
  readonly vae?: boolean;
  /** Type of every tensor. Default: the type that each has. */
  readonly type?: ConvertedType;
  /** Writing ends at the next tensor, and nothing is left behind. */
  readonly signal?: AbortSignal;
  /** Called when a tensor has been taken, with the bytes written so far and those of all tensors. */
  readonly onTensor?: (bytes: number, total: number) => void;
}

const OPTION_NAMES: OptionNames<ConvertOptions> = {
  ...OPEN_MODEL_OPTION_NAMES,
  scalingFactor: true,
  shiftFactor: true,
  vae: true,
  type: true,
  signal: true,
  onTensor: true,
};

export interface ConvertReport {
  /** As in `dit`, or `autoencoder`. */
  readonly family: string;
  /** Whose names the tensors had. */
  readonly layout: string;
  readonly tensors: number;
  /** Tensors of each type. */
  readonly types: Readonly<Partial<Record<Dtype, number>>>;
  /** Size of the file. */
  readonly bytes: number;
  /** What was chosen or left out on opening, a sentence each. */
  readonly notes: readonly string[];
}

/** What a file is written from. */
interface Convertible extends Disposable, Pick<ConvertReport, 'family' | 'layout' | 'notes'> {
  readonly path: string;
  /** Files that must not be written over. */
  readonly inputs: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly TensorToWrite[];
  /** The values of a tensor as float32. */
  read(name: string): Float32Array;
}

/**
 * Writes a DiT, in any form that `DenoiserCheckpoint` opens, as one safetensors file with Meta's names, tensor by tensor. The
 * metadata hold the rest of what decides a run (heads, numerics, scheduler, names of the classes), so that the file samples
 * as the original does; with the default `type` bit for bit, and factors of the original fit it. An autoencoder, in any form
 * that `VaeCheckpoint` opens, is written with the names of diffusers since 0.13, and its config.json in the metadata.
 *
 * Throws an `ArgumentError` for an output that is one of the input's files, a `FormatError` for an input that is neither
 * or has values beyond the range of `type`, an `IncacheError` for an output that cannot be written.
 */
export async function convertModel(
  model: string,
  out: string,
  options: ConvertOptions = {},
): Promise<ConvertReport> {
  requireOptions('options', options, OPTION_NAMES);
  const { type, signal, onTensor } = options;
  if (type !== undefined) requireOneOf('type', type, CONVERTED_TYPES);
  using source = openModel(model, options);
  requireOtherFile(out, source.inputs);
  requireWritable(out);
  const tensors = inOrder(type === undefined ? source.tensors : narrowed(source, CONVERTED[type]));
  await writeSafetensorsAsync(out, counting(tensors, onTensor), { format: 'pt', ...source.metadata }, signal);
  const types: Partial<Record<Dtype, number>> = {};
  for (const { dtype } of tensors) types[dtype] = (types[dtype] ?? 0) + 1;
  const { family, layout, notes } = source;
  return { family, layout, tensors: tensors.length, types, bytes: statSync(out).size, notes };
}

function openModel(model: string, options: ConvertOptions): Convertible {
  if (options.vae) return ofAutoencoder(new VaeCheckpoint(locateAutoencoder(model), options));
  if (isAutoencoder(model, options)) return ofAutoencoder(new VaeCheckpoint(model, options));
  return ofDit(new DenoiserCheckpoint(model, options));
}

function ofDit(checkpoint: DenoiserCheckpoint): Convertible {
  const { path, network, layout, notes, settings, files, weightFiles } = checkpoint;
  return {
    family: network.family,
    path,
    layout,
    notes,
    inputs: [...weightFiles, ...settingsFiles(files)],
    metadata: { ...network.metadata, ...settingsMetadata(settings) },
    tensors: [...network.tensors.keys()].map((name) => checkpoint.stored(name)),
    read: (name) => checkpoint.read(name),
    [Symbol.dispose]: () => checkpoint.dispose(),
  };
}

function ofAutoencoder(checkpoint: VaeCheckpoint): Convertible {
  const { path, config, layout, notes, files, names } = checkpoint;
  return {
    family: 'autoencoder',
    path,
    layout,
    notes,
    inputs: files,
    metadata: { config: JSON.stringify(vaeConfigFields(config)) },
    tensors: names.map((name) => checkpoint.stored(name)),
    read: (name) => checkpoint.read(name),
    [Symbol.dispose]: () => checkpoint.dispose(),
  };
}

function narrowed({ path, tensors, read }: Convertible, dtype: NarrowType): TensorToWrite[] {
  return tensors.map((tensor) => {
    if (tensor.dtype === dtype) return tensor;
    const what = `${path}: tensor '${tensor.name}'`;
    return { ...tensor, dtype, data: () => narrowFloat32(what, dtype, read(tensor.name)) };
  });
}

/** The widest types first, as the format's own implementation writes them: elements are then aligned. */
function inOrder(tensors: readonly TensorToWrite[]): TensorToWrite[] {
  return [...tensors].sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype]);
}

function counting(tensors: readonly TensorToWrite[], onTensor: ConvertOptions['onTensor']): TensorToWrite[] {
  const bytesOf = ({ dtype, shape }: TensorToWrite) => tensorBytes(dtype, shape);
  const total = tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  let done = 0;
  return tensors.map((tensor) => ({
    ...tensor,
    data: () => {
      const data = typeof tensor.data === 'function' ? tensor.data() : tensor.data;
      done += bytesOf(tensor);
      onTensor?.(done, total);
      return data;
    },
  }));
}

/** By what the file system says, so that links and other spellings of a path are seen. */
function requireOtherFile(out: string, inputs: readonly string[]): void {
  const identity = (path: string) => {
    const status = statSync(path, { throwIfNoEntry: false, bigint: true });
    return status && `${status.dev} ${status.ino}`;
  };
  const target = identity(out);
  const input = target === undefined ? undefined : inputs.find((path) => identity(path) === target);
  if (input !== undefined)
    throw new ArgumentError('out', out, `a file of its own; ${input} is read for the conversion`);
}
