/** The factors of all layers of one model, with where they come from. */
import { sha256 } from '#platform/hash';
import { basename } from '#platform/paths';
import { ArgumentError, IncacheError, requireInteger, requireObject, requireOneOf } from '../../errors.js';
import { roundToBfloat16 } from '../../weights/narrow.js';
import { requireFiniteValues, requireLength } from './checks.js';
import { readFactorFile, writeFactorFile } from './factorFile.js';
import { FACTOR_METHODS, type FactorMethod } from './factorMethods.js';

/** y += Wa Wb dx of one linear. Rank 0, an increment of nothing, is allowed. */
export interface LayerFactors {
  readonly rank: number;
  /** Wa, rows x rank, row-major. */
  readonly up: Float32Array;
  /** Wb, rank x columns, row-major. */
  readonly down: Float32Array;
  /** Co, output channels. */
  readonly rows: number;
  /** Ci, input channels. */
  readonly columns: number;
}

export interface FactorSetInfo {
  readonly method: FactorMethod;
  /** Hash of the checkpoint whose weights were factored. */
  readonly modelHash: string;
  /** Name of its file, for people. */
  readonly model?: string;
  /** Where the calibration data came from, for people. */
  readonly source: string;
  /** Seed of the random numbers of calibration. */
  readonly seed: number;
  /** Images of the calibration set. */
  readonly images: number;
  /** The sampler, as in `ddim`, and its steps, from which pairs of time steps were drawn. */
  readonly sampler: string;
  readonly steps: number;
  /** As in `incache 0.1.0`. */
  readonly createdBy: string;
}

/** Serves the factors as weights named `<layer>.down` and `<layer>.up`. */
export class FactorSet {
  readonly info: FactorSetInfo;
  /** By name, as in `blocks.0.fc1`. */
  readonly layers: ReadonlyMap<string, LayerFactors>;
  #hash: string | undefined;

  /** @throws ArgumentError or IncacheError naming the field or the layer that is not what it must be. */
  constructor(info: FactorSetInfo, layers: ReadonlyMap<string, LayerFactors>) {
    requireInfo(info);
    for (const [name, layer] of layers) requireLayerFactors(name, layer);
    this.info = { ...info };
    this.layers = new Map(layers);
  }

  /** @throws FormatError for a file that is not of factors or damaged; IncacheError when it cannot be read. */
  static load(path: string): FactorSet {
    const { info, layers } = readFactorFile(path);
    return new FactorSet(info, layers);
  }

  /** Writes the file whole or not at all. @throws IncacheError naming the path. */
  save(path: string): void {
    writeFactorFile(path, this.info, this.layers);
  }

  /** sha256 over the ranks and numbers of all layers: says what was measured with which factors. */
  get hash(): string {
    this.#hash ??= hashLayers(this.layers);
    return this.#hash;
  }

  /** @throws IncacheError when there are no factors for the layer. */
  requireLayer(name: string): LayerFactors {
    const layer = this.layers.get(name);
    if (!layer) throw new IncacheError(`there are no factors for layer '${name}'`);
    return layer;
  }

  rank(name: string): number {
    return this.requireLayer(name).rank;
  }

  /**
   * The same factors cut down to a rank that no layer may be under: bit for bit what calibration with that rank gives, since
   * the columns of Wa and the rows of Wb are those of the largest singular values, in order.
   */
  truncated(rank: number): FactorSet {
    const layers = [...this.layers].map(
      ([name, layer]) => [name, truncatedLayer(name, layer, rank)] as const,
    );
    return new FactorSet(this.info, new Map(layers));
  }

  /** The same factors, their numbers rounded to bfloat16: a file of half the size. */
  rounded(): FactorSet {
    const layers = [...this.layers].map(
      ([name, layer]) =>
        [name, { ...layer, up: roundToBfloat16(layer.up), down: roundToBfloat16(layer.down) }] as const,
    );
    return new FactorSet(this.info, new Map(layers));
  }

  /** The tensor `<layer>.up` (Co x r) or `<layer>.down` (r x Ci). @throws IncacheError if there is none. */
  read(name: string): Float32Array {
    const [, layer, side] = /^(.+)\.(up|down)$/.exec(name) ?? [];
    if (layer === undefined) throw new IncacheError(`'${name}' is not the name of a factor`);
    return this.requireLayer(layer)[side as 'up' | 'down'];
  }

  /** @throws IncacheError naming both models unless the factors were made from the one with this hash. */
  requireModel(hash: string, path?: string): void {
    if (hash === this.info.modelHash) return;
    const [theirs, ours] = [modelName(this.info.modelHash, this.info.model), modelName(hash, path)];
    throw new IncacheError(`the factors were made for another model, ${theirs}; this one is ${ours}`);
  }
}

/** A model as people know it: the name of its file, and enough of its hash to tell it from another of that name. */
export function modelName(hash: string, path: string | undefined): string {
  const short = `hash ${hash.slice(0, 12)}`;
  return path === undefined ? `of ${short}` : `${basename(path)} (${short})`;
}

/** The layer with its first `rank` columns of Wa and rows of Wb. */
export function truncatedLayer(name: string, layer: LayerFactors, rank: number): LayerFactors {
  requireInteger(`rank of ${name}`, rank, 0, layer.rank);
  const up = new Float32Array(layer.rows * rank);
  for (let row = 0; row < layer.rows; row++)
    up.set(layer.up.subarray(row * layer.rank, row * layer.rank + rank), row * rank);
  return { ...layer, rank, up, down: layer.down.slice(0, rank * layer.columns) };
}

function hashLayers(layers: ReadonlyMap<string, LayerFactors>): string {
  const hash = sha256();
  for (const name of [...layers.keys()].sort()) {
    const { rank, up, down } = layers.get(name)!;
    hash.update(JSON.stringify([name, rank]));
    for (const { buffer, byteOffset, byteLength } of [up, down])
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest();
}

function requireInfo(info: FactorSetInfo): void {
  requireObject('info', info, 'what the factors are made of');
  requireOneOf('method', info.method, FACTOR_METHODS);
  for (const field of ['modelHash', 'source', 'sampler', 'createdBy'] as const) {
    if (typeof info[field] !== 'string') throw new ArgumentError(field, info[field], 'a text');
  }
  requireInteger('seed', info.seed, 0);
  requireInteger('images', info.images, 0);
  requireInteger('steps', info.steps, 0);
}

function requireLayerFactors(name: string, { rank, rows, columns, up, down }: LayerFactors): void {
  requireInteger(`${name}.rows`, rows, 1);
  requireInteger(`${name}.columns`, columns, 1);
  requireInteger(`${name}.rank`, rank, 0, Math.min(rows, columns));
  requireLength(`${name}.up`, up, rows * rank);
  requireLength(`${name}.down`, down, rank * columns);
  requireFiniteValues(`${name}.up`, up);
  requireFiniteValues(`${name}.down`, down);
}
