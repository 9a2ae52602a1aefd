/** The file of an autoencoder: its configuration, and its tensors under canonical names when they are asked for. */
import { fileExists, isFolder } from '#platform/files';
import { dirname, join } from '#platform/paths';
import type { WeightSource } from '../backend/backend.js';
import { FormatError } from '../errors.js';
import { requireHints, scaleOf, type VaeConfig, type VaeHints, withHints } from '../models/vae/config.js';
import { decoderPlan, encoderPlan } from '../models/vae/graph.js';
import { namesOf, type VaeLayout, type VaeNames } from '../models/vae/names.js';
import { inferVaeConfig, parseVaeConfig } from '../models/vae/readConfig.js';
import type { Plan } from '../plan/types.js';
import { parseJsonObject, readJsonObject } from '../weights/jsonFile.js';
import { type OpenOptions, openTensors } from '../weights/openTensors.js';
import type { TensorToWrite } from '../weights/safetensors.js';
import {
  readStored,
  type StoredValues,
  type TensorInfo,
  type TensorSource,
} from '../weights/tensorSource.js';

/** A linear in diffusers, a 1 x 1 convolution in CompVis' files. */
const ATTENTION_WEIGHT = /\.attentions\.0\.to_[\w.]+\.weight$/;

export class VaeCheckpoint implements WeightSource, Disposable {
  readonly config: VaeConfig;
  /** Whether the file has the encoder too; some have the decoder alone. */
  readonly hasEncoder: boolean;
  /** The code whose names the file has. */
  readonly layout: VaeLayout;
  /** Canonical names of the tensors that belong to it: those of diffusers since 0.13. */
  readonly names: readonly string[];
  /** Every file that is read: weights, and config.json where there is one. */
  readonly files: readonly string[];
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
      this.layout = names.layout;
      this.#names = names.named;
      const file = configFile(path);
      this.files = file ? [...this.#source.files, file] : this.#source.files;
      requireHints(options);
      this.config = withHints(this.#readConfig(file, options), options);
      const { channels, groups } = this.config;
      const odd = channels.find((width) => width % groups !== 0);
      if (odd !== undefined)
        throw new FormatError(
          `${path} needs its config.json, which is not beside it: it has ${odd} channels, not a multiple of the usual ${groups} groups`,
        );
      this.hasEncoder = this.#find('encoder.conv_in.weight') !== undefined;
      const side = scaleOf(this.config);
      this.names = [
        ...this.#check(decoderPlan(this.config, { height: 1, width: 1 })),
        ...(this.hasEncoder ? this.#check(encoderPlan(this.config, { height: side, width: side })) : []),
      ];
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

  /** As `read`, but 16-bit numbers as they are stored: what devices take. */
  readStored(name: string): StoredValues {
    return readStored(this.#source, this.#names(name));
  }

  /** Type, shape as diffusers has it since 0.13, and bytes. Throws a `FormatError` when there is no tensor of that name. */
  entry(name: string): TensorInfo {
    const { dtype, shape, byteLength } = this.#source.entry(this.#names(name));
    return { dtype, shape: ATTENTION_WEIGHT.test(name) ? shape.slice(0, 2) : shape, byteLength };
  }

  /** A tensor as it is stored, to be written elsewhere; its bytes are read when their turn comes. */
  stored(name: string): TensorToWrite {
    const { dtype, shape } = this.entry(name);
    return { name, dtype, shape, data: () => this.#source.bytes(this.#names(name)) };
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

  /** What the file itself says comes first, then what lies beside it, then what its shapes tell. */
  #readConfig(file: string | undefined, hints: VaeHints): VaeConfig {
    const { config } = this.#source.metadata;
    const where = `${this.path}: the metadata's 'config'`;
    if (config !== undefined) return parseVaeConfig(parseJsonObject(where, config), where);
    if (file !== undefined) return parseVaeConfig(readJsonObject(file), file);
    return inferVaeConfig((name) => this.#find(name)?.shape, this.path, hints);
  }

  /** Every tensor that a plan takes is there and has its size; what the file has besides is left alone. Returns their names. */
  #check(plan: Plan): string[] {
    const weights = plan.buffers.filter(({ role }) => role === 'weight');
    for (const { name, rows, columns } of weights) {
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
    return weights.map(({ name }) => name);
  }
}

/** The config.json in a folder, or beside a file of its own folder. */
function configFile(path: string): string | undefined {
  const file = join(isFolder(path) ? path : dirname(path), 'config.json');
  if (!fileExists(file)) return undefined;
  // Beside a loose file may lie the config of something else.
  const isOurs = isFolder(path) || readJsonObject(file)._class_name === 'AutoencoderKL';
  return isOurs ? file : undefined;
}
