/** The checkpoint of a denoiser, of any family: its configuration, and its tensors read when they are asked for. */
import type { WeightSource } from '../backend/backend.js';
import { FormatError } from '../errors.js';
import { openNetwork } from '../models/families.js';
import { LabelTable } from '../models/labelTable.js';
import { classesOf, type Network } from '../models/network.js';
import type { CanonicalSource } from '../weights/canonicalSource.js';
import { hashTensors, hashTensorsAsync } from '../weights/hash.js';
import type { TensorToWrite } from '../weights/safetensors.js';
import {
  readStored,
  type StoredValues,
  type TensorInfo,
  type TensorSource,
} from '../weights/tensorSource.js';
import { locateModel, type ModelFiles } from './modelFiles.js';
import { type ModelSettings, settingsBeside, settingsWithin } from './modelSettings.js';
import type { OpenModelOptions } from './openModelOptions.js';
import { openModelTensors } from './openModelTensors.js';
import { requireCheckpoint } from './ownFiles.js';

export class DenoiserCheckpoint implements WeightSource, Disposable {
  readonly network: Network;
  /** The code whose names the files have. */
  readonly layout: string;
  /** Where the parts of the model lie. */
  readonly files: ModelFiles;
  /** What its classes are called. */
  readonly labels: LabelTable;
  /** What the model says of its sampler and of the names of its classes: in the metadata of its file, else beside it. */
  readonly settings: ModelSettings;
  /** What was chosen or left out on opening, a sentence each. */
  readonly notes: readonly string[];
  readonly #source: TensorSource;
  readonly #tensors: CanonicalSource;
  #hash: string | undefined;

  /**
   * Opens a file of weights in safetensors or PyTorch's formats, with Meta's names or those of diffusers (`config.json`
   * beside it), one of several files with their index, or a folder as diffusers writes it. Tensors have Meta's names here,
   * whatever those of the files. Only headers are read, and with the names of diffusers the embedders of every block.
   * Throws a `FormatError` that names the tensor which is missing, strange or misshapen.
   */
  constructor(
    readonly path: string,
    options: OpenModelOptions = {},
  ) {
    this.files = locateModel(path);
    this.#source = openModelTensors(this.files.weights, options);
    try {
      requireCheckpoint(path, this.#source.metadata);
      const { network, layout, tensors, notes } = openNetwork(this.#source, this.files, options);
      [this.network, this.layout, this.#tensors, this.notes] = [network, layout, tensors, notes];
      this.settings = { ...settingsBeside(this.files), ...settingsWithin(this.#source.metadata) };
      this.labels = LabelTable.of(classesOf(network), this.settings.id2label);
    } catch (error) {
      this.#source.close();
      if (!(error instanceof FormatError) || error.message.includes(path)) throw error;
      throw new FormatError(`${path}: ${error.message}`, { cause: error });
    }
  }

  /**
   * sha256 over all tensors: says which model a set of factors belongs to. Reads the whole file when it is first asked for:
   * seconds, if the file is large, unless `loadHash` has been awaited before.
   */
  get hash(): string {
    this.#hash ??= hashTensors(this.#tensors);
    return this.#hash;
  }

  /** Makes `hash` known without blocking the event loop. Rejects with the reason of `signal`. */
  async loadHash(signal?: AbortSignal): Promise<string> {
    this.#hash ??= await hashTensorsAsync(this.#tensors, signal);
    return this.#hash;
  }

  /** The fields of `scheduler_config.json`, where the model has one: how its original code samples. */
  get scheduler(): Readonly<Record<string, unknown>> | undefined {
    return this.settings.scheduler;
  }

  /** The files of weights. */
  get weightFiles(): readonly string[] {
    return this.#source.files;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  entry(name: string): TensorInfo {
    return this.#tensors.entry(name);
  }

  /** The tensor in the type of `entry`, row-major, little-endian. */
  bytes(name: string): Uint8Array {
    return this.#tensors.bytes(name);
  }

  read(name: string): Float32Array {
    return this.#tensors.read(name);
  }

  /** As `read`, but 16-bit numbers as they are stored: what devices take. */
  readStored(name: string): StoredValues {
    return readStored(this.#tensors, name);
  }

  /** A tensor as it is stored, to be written elsewhere; its bytes are read when their turn comes. */
  stored(name: string): TensorToWrite {
    const { dtype, shape } = this.entry(name);
    return { name, dtype, shape, data: () => this.bytes(name) };
  }

  dispose(): void {
    this.#source.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
