/** From calibration data to what is known of the channels of every linear. */
import { pause } from '#platform/eventLoop';
import type { Device, DeviceWeights } from '../backend/backend.js';
import { requireLength } from '../cache/data/checks.js';
import type { DenoiserCheckpoint } from '../engine/checkpoint.js';
import { type CalibrationStore, loadWhole } from './calibrationStore.js';
import { type LayerStatistics, Probe } from './probe.js';
import type { CalibrationSource, Evaluator } from './sources.js';

/** A model with its weights on a device; a `Pipeline` is one. */
export interface LoadedModel {
  readonly checkpoint: DenoiserCheckpoint;
  readonly device: Device;
  readonly weights: DeviceWeights;
}

/** Statistics of the linears of a model, by layer. */
export type Statistics = ReadonlyMap<string, LayerStatistics>;

export interface MeasureOptions {
  readonly source: CalibrationSource;
  /** Measure the change between two steps instead of the values themselves. */
  readonly increments: boolean;
  readonly secondMoments?: boolean;
  /** Stops between two evaluations. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of batches measured. */
  readonly onBatch?: (done: number) => void;
  /** Called after every evaluation of the network, and for those of a run that is gone on with. */
  readonly onEvaluation?: () => void;
  /**
   * Keeps the sums after the first batch, the last one, and others as time passes. Where there are some already, of the same
   * model, device and source, goes on with them to the same statistics, bit for bit.
   */
  readonly store?: CalibrationStore | undefined;
}

/** Between two savings, at the end of a batch. */
const SAVE_SECONDS = 10;
/** Saving takes at most this share of the time. */
const SAVE_SHARE = 0.1;

/** In the store: the sums of all batches so far, and those of one by itself. */
const SUMS = 'sums';
const sumsOf = (batch: number) => `batch.${batch}`;

/** Sums of `Probe` by name. */
type Sums = Map<string, Float64Array>;

/**
 * Shows all batches of the source to the model. Each is summed by itself before it is added to those before it, so that sums are the
 * same, bit for bit, wherever a batch was measured: what `measureBatches` has kept in the store is not measured again.
 */
export async function measureStatistics(model: LoadedModel, options: MeasureOptions): Promise<Statistics> {
  const { source, onBatch, onEvaluation, store } = options;
  using probe = await createProbe(model, options);
  const names = [...probe.state().keys()];
  const total: Sums = new Map();
  const first = store ? restore(store, names, total) : 0;
  const tell = () => {
    for (let i = 0; i < source.evaluations; i++) onEvaluation?.();
  };
  for (let batch = 0; batch < first; batch++) tell();
  let nextSaving = Number.NEGATIVE_INFINITY;
  for (let batch = first; batch < source.batches; batch++) {
    const isKept = store && loadWhole(store, sumsOf(batch), (saved) => addSums(total, names, saved));
    if (isKept) tell();
    else {
      const sums = await measureBatch(probe, batch, options);
      addSums(total, names, (name) => sums.get(name)!);
    }
    onBatch?.(batch + 1);
    const started = performance.now();
    if (!store || (started < nextSaving && batch + 1 < source.batches)) continue;
    store.save(new Map(total).set('batches', Float64Array.of(batch + 1)), SUMS);
    const saving = performance.now() - started;
    nextSaving = started + Math.max(1000 * SAVE_SECONDS, saving / SAVE_SHARE);
  }
  probe.restore((name) => total.get(name)!);
  return probe.finish();
}

/** Measures batches first to first + count - 1 and keeps the sums of each in the store; those that are there are left. */
export async function measureBatches(
  model: LoadedModel,
  options: MeasureOptions & { readonly store: CalibrationStore },
  { first, count }: { readonly first: number; readonly count: number },
): Promise<void> {
  const { source, onEvaluation, store } = options;
  if (count === 0) return;
  using probe = await createProbe(model, options);
  for (let batch = first; batch < first + count; batch++) {
    if (store.load(() => {}, sumsOf(batch))) for (let i = 0; i < source.evaluations; i++) onEvaluation?.();
    else store.save(await measureBatch(probe, batch, options), sumsOf(batch));
  }
}

/** The batch of which a part of a store has the sums, if it is one of those. */
export function batchOf(part: string): number | undefined {
  const [, batch] = /^batch\.(\d+)$/.exec(part) ?? [];
  return batch === undefined ? undefined : Number(batch);
}

function createProbe(model: LoadedModel, options: MeasureOptions): Promise<Probe> {
  const { source, increments, secondMoments = false } = options;
  return Probe.create({
    network: model.checkpoint.network,
    device: model.device,
    weights: model.weights,
    sequences: source.sequences,
    increments,
    secondMoments,
    places: source.places,
  });
}

/** The sums of one batch: the probe's own, until its next. */
async function measureBatch(
  probe: Probe,
  batch: number,
  { source, increments, signal, onEvaluation }: MeasureOptions,
): Promise<Sums> {
  probe.clear();
  await source.run(batch, watched(probe, signal, onEvaluation), increments);
  return probe.state();
}

/** Adds the sums of the next batch. */
function addSums(total: Sums, names: readonly string[], sumsOf: (name: string) => Float64Array): void {
  for (const name of names) {
    const [sum, more] = [total.get(name), sumsOf(name)];
    if (!sum) {
      total.set(name, more.slice());
      continue;
    }
    requireLength(name, more, sum.length);
    for (let i = 0; i < sum.length; i++) sum[i]! += more[i]!;
  }
}

/** Takes up the sums of an earlier run, and returns of how many batches they are. */
function restore(store: CalibrationStore, names: readonly string[], total: Sums): number {
  let batches = 0;
  loadWhole(store, SUMS, (saved) => {
    for (const name of names) total.set(name, saved(name));
    [batches] = saved('batches') as unknown as [number];
  });
  return batches;
}

/** The probe, letting signals and timers through before every evaluation, and telling of each. */
function watched(
  probe: Probe,
  signal: AbortSignal | undefined,
  onEvaluation: (() => void) | undefined,
): Evaluator {
  return {
    async evaluate(...args) {
      await pause();
      signal?.throwIfAborted();
      const output = await probe.evaluate(...args);
      onEvaluation?.();
      return output;
    },
  };
}
