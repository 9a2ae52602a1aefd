/** From a model to the factors of its linears. */
import { pause } from '#platform/eventLoop';
import { basename } from '#platform/paths';

import { requireFinite } from '../backend/finite.js';
import { FactorSet, type LayerFactors, truncatedLayer } from '../cache/data/factorSet.js';
import type { DenoiserCheckpoint } from '../engine/checkpoint.js';
import { ArgumentError, requireInteger, requireNumber, requireObject, requireOneOf } from '../errors.js';
import type { Layer, Network } from '../models/network.js';
import { type OptionNames, requireOptions } from '../optionNames.js';
import { VERSION } from '../version.js';
import { type CalibrationStore, loadWhole } from './calibrationStore.js';
import {
  FACTOR_METHODS,
  type FactorMethod,
  type Factors,
  scaledFactors,
  whitenedFactors,
} from './factors.js';
import {
  type LoadedModel,
  type MeasureOptions,
  measureStatistics,
  type Statistics,
} from './measureStatistics.js';
import type { LayerStatistics } from './probe.js';
import type { CalibrationSource } from './sources.js';
import { type SpreadLayer, spreadRanks } from './spreadRanks.js';

/** One rank for all layers, or one for each; 0 leaves a layer without an increment (reuse); or spread over them. */
export type RankChoice = number | ((layer: string) => number) | RankSpread;

/** Ranks of layers that together take as many multiply-accumulates as this rank for all, see `spreadRanks`. */
export interface RankSpread {
  readonly spread: number;
  /** By layer, what it does to the image when its increments are left out, see `measureLayers`. */
  readonly errors: ReadonlyMap<string, number>;
}

export interface CalibrateOptions {
  readonly method: FactorMethod;
  readonly rank: RankChoice;
  /** Calibration data; `svd` needs none. */
  readonly source?: CalibrationSource;
  /** For method `whitened`: the share of the mean second moment added to every channel. Default 0.01. */
  readonly ridge?: number;
  /** Stops between two evaluations or layers. */
  readonly signal?: AbortSignal;
  /** Called after every batch and every layer. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Called after every evaluation of the network: `source.batches` times `source.evaluations`. */
  readonly onEvaluation?: () => void;
  /**
   * Keeps what is measured, as time passes, and the factors of every layer. Where there is something already, goes on with
   * it to the same factors, bit for bit: a store is of one model, device and options.
   */
  readonly store?: CalibrationStore;
}

const CALIBRATE_OPTION_NAMES: OptionNames<CalibrateOptions> = {
  method: true,
  rank: true,
  source: true,
  ridge: true,
  signal: true,
  onProgress: true,
  onEvaluation: true,
  store: true,
};

/** A layer gets at most so many times the rank that is spread: more would be little used, and takes time to make. */
const MOST_SPREAD = 4;

/**
 * The factors of all layers by METHOD: Factors (paper, equations 5 and 6).
 * Throws an `ArgumentError` for an unknown method, a rank beyond a layer's size or a missing source.
 */
export async function calibrate(model: LoadedModel, options: CalibrateOptions): Promise<FactorSet> {
  requireObject('model', model?.checkpoint, 'a Pipeline');
  requireOptions('options', options, CALIBRATE_OPTION_NAMES);
  const { network } = model.checkpoint;
  requireOneOf('method', options.method, FACTOR_METHODS);
  requireNumber('ridge', options.ridge ?? 0, 0);
  const ranks = ranksOf(network, options.rank);
  const statistics = options.method === 'svd' ? undefined : await statisticsOf(model, options);
  const factored = await factorLayers(model, options, ranks, statistics);
  const cut = typeof options.rank === 'object' ? spreadOver(factored, options.rank) : ranks;
  const layers = [...factored].map(
    ([name, { layer }]) => [name, truncatedLayer(name, layer, cut.get(name)!)] as const,
  );
  return new FactorSet(
    {
      method: options.method,
      modelHash: await model.checkpoint.loadHash(options.signal),
      model: basename(model.checkpoint.path),
      source: options.source?.description ?? 'none',
      seed: options.source?.seed ?? 0,
      images: options.source?.images ?? 0,
      sampler: options.source ? 'ddim' : 'none',
      steps: options.source?.steps ?? 0,
      createdBy: `incache ${VERSION}`,
    },
    new Map(layers),
  );
}

/** Batches and layers that `calibrate` reports progress in. */
export function calibrationWork(network: Network, source: CalibrationSource | undefined): number {
  return (source?.batches ?? 0) + network.layers.length;
}

async function statisticsOf(model: LoadedModel, options: CalibrateOptions): Promise<Statistics> {
  const { method, source, signal, onProgress, onEvaluation, store } = options;
  if (!source) throw new ArgumentError('source', source, `calibration data for method ${method}`);
  const total = calibrationWork(model.checkpoint.network, source);
  return measureStatistics(model, {
    source,
    ...measuredFor(method),
    signal,
    store,
    onBatch: (done) => onProgress?.(done, total),
    ...(onEvaluation && { onEvaluation }),
  });
}

/** What a method must know of the channels. */
export function measuredFor(method: FactorMethod): Pick<MeasureOptions, 'increments' | 'secondMoments'> {
  return { increments: method !== 'ca', secondMoments: method === 'whitened' };
}

async function factorLayers(
  { checkpoint }: LoadedModel,
  options: CalibrateOptions,
  ranks: ReadonlyMap<string, number>,
  statistics: Statistics | undefined,
): Promise<Map<string, FactoredLayer>> {
  const { network } = checkpoint;
  const layers = new Map<string, FactoredLayer>();
  const total = calibrationWork(network, options.source);
  for (const layer of network.layers) {
    await pause();
    options.signal?.throwIfAborted();
    const make = () =>
      factorLayer(
        readWeight(checkpoint, layer),
        ranks.get(layer.name)!,
        options,
        statistics?.get(layer.name),
      );
    const { up, down, singularValues } = keptFactors(options.store, layer.name, make);
    const size = { rank: ranks.get(layer.name)!, rows: layer.outputs, columns: layer.inputs };
    layers.set(layer.name, { layer: { ...size, up, down }, singularValues });
    options.onProgress?.((options.source?.batches ?? 0) + layers.size, total);
  }
  return layers;
}

/** The factors of a layer from the store, or made and kept there. */
function keptFactors(store: CalibrationStore | undefined, layer: string, make: () => Factors): Factors {
  if (!store) return make();
  const part = `layer.${layer}`;
  let kept: Factors | undefined;
  loadWhole(store, part, (saved) => {
    const [up, down] = [Float32Array.from(saved('up')), Float32Array.from(saved('down'))];
    kept = { up, down, singularValues: saved('singularValues') };
  });
  if (kept) return kept;
  const { up, down, singularValues } = make();
  const values = { up: Float64Array.from(up), down: Float64Array.from(down), singularValues };
  store.save(new Map(Object.entries(values)), part);
  return { up, down, singularValues };
}

interface FactoredLayer extends Pick<Factors, 'singularValues'> {
  readonly layer: LayerFactors;
}

function spreadOver(
  factored: ReadonlyMap<string, FactoredLayer>,
  { spread, errors }: RankSpread,
): Map<string, number> {
  const layers = [...factored].map(([name, { layer, singularValues }]): SpreadLayer => {
    const { rows, columns, rank } = layer;
    return { name, cost: rows + columns, singularValues, most: rank, error: errors.get(name)! };
  });
  return spreadRanks(layers, spread * layers.reduce((sum, { cost }) => sum + cost, 0));
}

interface LinearWeight {
  readonly weight: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

function factorLayer(
  { weight, rows, columns }: LinearWeight,
  rank: number,
  { method, ridge }: CalibrateOptions,
  statistics: LayerStatistics | undefined,
): Factors {
  if (rank === 0)
    return { up: new Float32Array(0), down: new Float32Array(0), singularValues: new Float64Array(0) };
  const request = { weight, rows, columns, rank };
  if (method === 'whitened') {
    const { side, sum } = statistics!.moment!;
    return whitenedFactors({ ...request, side, secondMoment: sum, ridge: ridge ?? 0.01 });
  }
  return scaledFactors({ ...request, ...scalesOf(method, statistics) });
}

/** Si and So of each method (METHOD: the table of factors). */
function scalesOf(method: Exclude<FactorMethod, 'whitened'>, statistics: LayerStatistics | undefined) {
  const input = method === 'ca' || method === 'cd' || method === 'cd_i';
  const output = method === 'ca' || method === 'cd' || method === 'cd_o';
  return {
    ...(input && { inputScale: statistics!.input }),
    ...(output && { outputScale: statistics!.output }),
  };
}

/** The weight of a layer, Co x Ci. */
function readWeight(checkpoint: DenoiserCheckpoint, { inputs, outputs, weight }: Layer): LinearWeight {
  const name = `${weight.tensor}.weight`;
  const values = checkpoint.read(name);
  requireFinite(name, values);
  const first = weight.first * inputs;
  return { weight: values.subarray(first, first + outputs * inputs), rows: outputs, columns: inputs };
}

/** The ranks that layers are factored with; those that are spread are cut from them. */
function ranksOf({ layers }: Network, choice: RankChoice): Map<string, number> {
  return new Map(
    layers.map(({ name, inputs, outputs }) => [name, rankOf(choice, name, Math.min(inputs, outputs))]),
  );
}

function rankOf(choice: RankChoice, layer: string, most: number): number {
  if (typeof choice === 'object') {
    requireInteger('rank that is spread', choice.spread, 1, most);
    requireNumber(`error of ${layer}`, choice.errors.get(layer) ?? Number.NaN, 0);
    return Math.min(most, MOST_SPREAD * choice.spread);
  }
  const rank = typeof choice === 'number' ? choice : choice(layer);
  requireInteger(`rank of ${layer}`, rank, 0, most);
  return rank;
}
