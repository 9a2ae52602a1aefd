/** A DiT checkpoint: its configuration, and its tensors read when they are asked for. */
import type { WeightSource } from '../backend/backend.js';
import { FormatError } from '../errors.js';
import { type ConfigHints, type DiTConfig, inferConfig } from '../models/index.js';
import { hashTensors, hashTensorsAsync } from '../weights/hash.js';
import { SafetensorsFile, type TensorToWrite } from '../weights/safetensors.js';

export class DiTCheckpoint implements WeightSource, Disposable {
  readonly config: DiTConfig;
  readonly #file: SafetensorsFile;
  #hash: string | undefined;

  /**
   * Opens a safetensors file with the official key names. Only its header is read.
   * Throws a `FormatError` that names the tensor which is missing, extra or misshapen.
   */
  constructor(
    readonly path: string,
    hints: ConfigHints = {},
  ) {
    this.#file = SafetensorsFile.open(path);
    try {
      this.config = inferConfig(this.#file.tensors, this.#file.metadata, hints);
    } catch (error) {
      this.#file.close();
      if (error instanceof FormatError) throw new FormatError(`${path}: ${error.message}`, { cause: error });
      throw error;
    }
  }

  /**
   * sha256 over all tensors: says which model a set of factors belongs to. Reads the whole file when it is first asked for:
   * seconds, if the file is large, unless `loadHash` has been awaited before.
   */
  get hash(): string {
    this.#hash ??= hashTensors(this.#file);
    return this.#hash;
  }

  /** Makes `hash` known without blocking the event loop. Rejects with the reason of `signal`. */
  async loadHash(signal?: AbortSignal): Promise<string> {
    this.#hash ??= await hashTensorsAsync(this.#file, signal);
    return this.#hash;
  }

  read(name: string): Float32Array {
    return this.#file.read(name);
  }

  /** A tensor as it is stored, to be written elsewhere; its bytes are read when their turn comes. */
  stored(name: string): TensorToWrite {
    const { dtype, shape } = this.#file.entry(name);
    return { name, dtype, shape, data: () => this.#file.readBytes(name) };
  }

  dispose(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
