/** The files of a T5 text encoder: its configuration, and its tensors under transformers' names when they are asked for. */
import { fileExists, isFolder } from '#platform/files';
import { dirname, join } from '#platform/paths';
import { ArgumentError, FormatError } from '../errors.js';
import { parseT5Config, type T5Config } from '../models/t5/config.js';
import { biasTable, finalPlan, layerPlan } from '../models/t5/graph.js';
import { widenToFloat32 } from '../weights/dtypes.js';
import { readJsonObject } from '../weights/jsonFile.js';
import { type OpenOptions, openTensors } from '../weights/openTensors.js';
import { readStored, type StoredValues, type TensorSource } from '../weights/tensorSource.js';

/** The same table under either name; some files have both. */
const EMBEDDINGS = ['shared.weight', 'encoder.embed_tokens.weight'];

export class T5Checkpoint implements Disposable {
  readonly config: T5Config;
  readonly #source: TensorSource;
  readonly #embeddings: string;

  /**
   * Opens a folder as transformers writes it (one file, several with their index, or `.bin`), or a file beside its config.json.
   * Only headers are read. Throws a `FormatError` that names the tensor which is missing or misshapen, an `ArgumentError` where
   * there is no config.json.
   */
  constructor(
    readonly path: string,
    options: OpenOptions = {},
  ) {
    const file = join(isFolder(path) ? path : dirname(path), 'config.json');
    if (!fileExists(file))
      throw new ArgumentError('textEncoder', path, 'a folder with config.json, or a file beside one');
    this.config = parseT5Config(readJsonObject(file), file);
    this.#source = openTensors(path, options);
    try {
      this.#embeddings = this.#check();
    } catch (error) {
      this.#source.close();
      throw error;
    }
  }

  /** Every file that is read for the weights. */
  get files(): readonly string[] {
    return this.#source.files;
  }

  /** Bytes of the weights as they are stored. */
  get bytes(): number {
    return this.#source.names.reduce((sum, name) => sum + this.#source.entry(name).byteLength, 0);
  }

  read(name: string): Float32Array {
    return this.#source.read(name);
  }

  /** As `read`, but 16-bit numbers as they are stored: what devices take. */
  readStored(name: string): StoredValues {
    return readStored(this.#source, name);
  }

  /** The rows of the embedding table of these tokens: ids.length x width. Throws an `ArgumentError` for an id beyond the table. */
  embed(ids: Int32Array): Float32Array {
    const { width, vocabulary } = this.config;
    const foreign = ids.find((id) => id < 0 || id >= vocabulary);
    if (foreign !== undefined)
      throw new ArgumentError('token', foreign, `an id below ${vocabulary}, the vocabulary of ${this.path}`);
    const { dtype, byteLength } = this.#source.entry(this.#embeddings);
    // As it is stored: the table of a large encoder in float32 would take more memory than a layer.
    const table = this.#source.bytes(this.#embeddings);
    const row = byteLength / vocabulary;
    const rows = new Float32Array(ids.length * width);
    for (const [place, id] of ids.entries())
      rows.set(widenToFloat32(dtype, table.slice(id * row, (id + 1) * row)), place * width);
    return rows;
  }

  dispose(): void {
    this.#source.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Every tensor that the layers take is there and has its shape. Returns the name of the embedding table. */
  #check(): string {
    const { config } = this;
    const one = { sequences: 1, length: 1 };
    const plans = Array.from({ length: config.layers }, (_, layer) => layerPlan(config, layer, one, 'f32'));
    for (const { buffers } of [...plans, finalPlan(config, one)])
      for (const { name, role, rows, columns } of buffers)
        if (role === 'weight') this.#checkShape(name, rows === 1 ? [columns] : [rows, columns]);
    for (let layer = 0; layer < (config.ownBias ? config.layers : 1); layer++)
      this.#checkShape(biasTable(config, layer), [config.buckets, config.heads]);
    const name = EMBEDDINGS.find((each) => this.#source.names.includes(each)) ?? EMBEDDINGS[0]!;
    this.#checkShape(name, [config.vocabulary, config.width]);
    return name;
  }

  #checkShape(name: string, expected: readonly number[]): void {
    if (!this.#source.names.includes(name))
      throw new FormatError(`${this.path}: tensor '${name}' is missing; expected an encoder of T5 v1.1`);
    const { shape } = this.#source.entry(name);
    if (shape.join() !== expected.join())
      throw new FormatError(`${this.path}: tensor '${name}' has shape [${shape}]; expected [${expected}]`);
  }
}
