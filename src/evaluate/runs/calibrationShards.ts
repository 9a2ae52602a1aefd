/**
 * One calibration by many machines: each measures some of the batches, and with ranks that are spread some of the layers, and whoever
 * merges them adds up the batches in their order. So the factors are those of one machine, bit for bit.
 */
import { measuredFor } from '../../calibrate/calibrate.js';
import type { CalibrationStore } from '../../calibrate/calibrationStore.js';
import type { FactorMethod } from '../../calibrate/factors.js';
import { batchOf, measureBatches } from '../../calibrate/measureStatistics.js';
import type { CalibrationSource } from '../../calibrate/sources.js';
import { IncacheError } from '../../errors.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { ERRORS, type MeasureLayersOptions, measureLayers } from './measureLayers.js';
import { type RunKey, SavedRun } from './savedRun.js';
import {
  countShards,
  openMeasured,
  openShard,
  requireShard,
  type Shard,
  type ShardRange,
  shardRange,
} from './shardFolders.js';

export interface CalibrateShardOptions {
  /** That all shards share. */
  readonly folder: string;
  /** All that decides what is measured: shards of another calibration are not merged. */
  readonly key: RunKey;
  /** One that measures something. */
  readonly method: FactorMethod;
  readonly source: CalibrationSource;
  /** Where ranks are spread: how the errors of layers are measured. */
  readonly layerErrors?: Omit<MeasureLayersOptions, 'store' | 'layers'>;
  /** Called after every evaluation of the network for a batch. */
  readonly onEvaluation?: () => void;
  readonly signal?: AbortSignal;
}

/**
 * Measures the batches of a shard, and its layers, and keeps them in a folder of its own inside `options.folder`. What was kept there
 * by a run that was killed is not measured again. Returns the batches of the shard.
 */
export async function calibrateShard(
  pipeline: Pipeline,
  options: CalibrateShardOptions,
  shard: Shard,
): Promise<ShardRange> {
  requireShard(shard);
  const { folder, key, method, source, layerErrors, onEvaluation, signal } = options;
  using store = await openShard(folder, key, shard);
  const layers = layersOf(pipeline, shard);
  if (layerErrors && layers.length > 0) await measureLayers(pipeline, { ...layerErrors, layers, store });
  const range = shardRange(shard, source.batches);
  const measured = { source, ...measuredFor(method), store, signal };
  await measureBatches(pipeline, { ...measured, ...(onEvaluation && { onEvaluation }) }, range);
  return range;
}

/** The store of `calibrate` and `measureLayers` in which all is there that the shards in a folder have measured. */
export class MergedCalibration implements CalibrationStore, Disposable {
  readonly #own: SavedRun;
  /** One for each shard; nothing for those without a part. */
  readonly #shards: readonly (SavedRun | undefined)[];
  readonly #batches: number;
  readonly #layers: readonly string[];

  private constructor(
    own: SavedRun,
    shards: readonly (SavedRun | undefined)[],
    batches: number,
    layers: readonly string[],
  ) {
    [this.#own, this.#shards, this.#batches, this.#layers] = [own, shards, batches, layers];
  }

  /**
   * `batches` are those of the source. Rejects with an `IncacheError` that names the shard which is missing, and with an `ArgumentError`
   * while a shard is at work. What else is kept of the calibration is in a folder of its own, `merged`.
   */
  static async open(
    pipeline: Pipeline,
    { folder, key }: Pick<CalibrateShardOptions, 'folder' | 'key'>,
    batches: number,
  ): Promise<MergedCalibration> {
    const of = countShards(folder);
    const opened: (SavedRun | undefined)[] = [];
    try {
      for (let index = 0; index < of; index++) {
        const shard = { index, of };
        const isEmpty = shardRange(shard, batches).count === 0 && layersOf(pipeline, shard).length === 0;
        opened.push(isEmpty ? undefined : await openMeasured(folder, key, shard));
      }
      const own = await SavedRun.open(`${folder}/merged`, key);
      return new MergedCalibration(own, opened, batches, layersOf(pipeline, { index: 0, of: 1 }));
    } catch (error) {
      for (const shard of opened) shard?.[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const each of [this.#own, ...this.#shards]) each?.[Symbol.dispose]();
  }

  save(values: ReadonlyMap<string, Float64Array>, part: string): void {
    this.#own.save(values, part);
  }

  /** Throws an `IncacheError` for what a shard should have measured and has not. */
  load(restore: (saved: (name: string) => Float64Array | undefined) => void, part: string): boolean {
    if (part === ERRORS) return this.#loadErrors(restore);
    const batch = batchOf(part);
    if (batch === undefined) return this.#own.load(restore, part);
    const shard = this.#shardOf(batch, this.#batches);
    return shard.load(restore, part) || missing(shard, `batch ${batch}`);
  }

  #loadErrors(restore: (saved: (name: string) => Float64Array | undefined) => void): boolean {
    const errors = new Map<string, Float64Array>();
    for (const [place, layer] of this.#layers.entries()) {
      const shard = this.#shardOf(place, this.#layers.length);
      shard.load((saved) => errors.set(layer, saved(layer) ?? missing(shard, `layer ${layer}`)), ERRORS);
      if (!errors.has(layer)) missing(shard, `layer ${layer}`);
    }
    restore((layer) => errors.get(layer));
    return true;
  }

  /** The one that has an item of so many. */
  #shardOf(item: number, items: number): SavedRun {
    const of = this.#shards.length;
    const index = this.#shards.findIndex((_, index) => {
      const { first, count } = shardRange({ index, of }, items);
      return item >= first && item < first + count;
    });
    return this.#shards[index]!;
  }
}

function missing({ folder }: SavedRun, what: string): never {
  throw new IncacheError(`${folder} lacks ${what}; calibrate the shard to its end first`);
}

/** The layers whose errors a shard measures. */
function layersOf({ network }: Pipeline, shard: Shard): string[] {
  const { first, count } = shardRange(shard, network.layers.length);
  return network.layers.slice(first, first + count).map(({ name }) => name);
}
