/** The file of an autoencoder: its configuration, and its tensors under canonical names when they are asked for. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { WeightSource } from '../backend/backend.js';
import { FormatError } from '../errors.js';
import {
  inferVaeConfig,
  parseVaeConfig,
  scaleOf,
  type VaeConfig,
  type VaeHints,
} from '../models/vae/config.js';
import { decoderPlan, encoderPlan } from '../models/vae/graph.js';
import { namesOf, type VaeNames } from '../models/vae/names.js';
import type { Plan } from '../plan/types.js';
import { readJsonObject } from '../weights/jsonFile.js';
import { type OpenOptions, openTensors } from '../weights/openTensors.js';
import type { TensorSource } from '../weights/tensorSource.js';
import { isFolder } from '../weights/weightsFolder.js';

export class VaeCheckpoint implements WeightSource, Disposable {
  readonly config: VaeConfig;
  /** Whether the file has the encoder too; some have the decoder alone. */
  readonly hasEncoder: boolean;
  readonly #source: TensorSource;
  readonly #names: VaeNames;

  /**
   * Opens an AutoencoderKL: a folder as diffusers writes it, a file beside its config.json, or a file of CompVis' names (a Stable
   * Diffusion checkpoint too), whose configuration follows from its shapes. Only headers are read. Throws a `FormatError` that
   * names the tensor which is missing or misshapen.
   */
  constructor(
    readonly path: string,
    options: OpenOptions & VaeHints = {},
  ) {
    this.#source = openTensors(path, options);
    try {
      const names = namesOf(this.#source.names);
      if (!names)
        throw new FormatError(`${path} holds no autoencoder: it has no tensor 'decoder.conv_in.weight'`);
      this.#names = names;
      const file = configFile(path);
      this.config = file
        ? parseVaeConfig(readJsonObject(file), file)
        : inferVaeConfig((name) => this.#find(name)?.shape, path, options);
      this.#check(decoderPlan(this.config, { height: 1, width: 1 }));
      this.hasEncoder = this.#find('encoder.conv_in.weight') !== undefined;
      if (this.hasEncoder) {
        const side = scaleOf(this.config);
        this.#check(encoderPlan(this.config, { height: side, width: side }));
      }
    } catch (error) {
      this.#source.close();
      throw error;
    }
  }

  /** What a person should know about how the file was read, a sentence each. */
  get notes(): readonly string[] {
    return this.#source.notes;
  }

  /** The values of a tensor by its canonical name, as float32. */
  read(name: string): Float32Array {
    return this.#source.read(this.#names(name));
  }

  dispose(): void {
    this.#source.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #find(name: string) {
    const named = this.#names(name);
    return this.#source.names.includes(named) ? this.#source.entry(named) : undefined;
  }

  /** Every tensor that a plan takes is there and has its size; what the file has besides is left alone. */
  #check(plan: Plan): void {
    for (const { name, role, rows, columns } of plan.buffers) {
      if (role !== 'weight') continue;
      const tensor = this.#find(name);
      if (!tensor) throw new FormatError(`${this.path}: tensor '${this.#names(name)}' is missing`);
      const { shape } = tensor;
      const count = shape.reduce((product, side) => product * side, 1);
      const outputs = rows === 1 ? columns : rows;
      if (count !== rows * columns || shape[0] !== outputs)
        throw new FormatError(
          `${this.path}: tensor '${this.#names(name)}' has shape [${shape}]; expected ${outputs}${rows === 1 ? '' : ` x ${columns}`} elements`,
        );
    }
  }
}

/** The config.json in a folder, or beside a file of its own folder. */
function configFile(path: string): string | undefined {
  const file = join(isFolder(path) ? path : dirname(path), 'config.json');
  if (!existsSync(file)) return undefined;
  // Beside a loose file may lie the config of something else.
  const isOurs = isFolder(path) || readJsonObject(file)._class_name === 'AutoencoderKL';
  return isOurs ? file : undefined;
}
