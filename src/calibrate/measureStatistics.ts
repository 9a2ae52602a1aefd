/** From calibration data to what is known of the channels of every linear. */
import { pause } from '#platform/eventLoop';
import type { Device, DeviceWeights } from '../backend/backend.js';
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

/** In the store. */
const SUMS = 'sums';

/** Shows all batches of the source to the model. */
export async function measureStatistics(model: LoadedModel, options: MeasureOptions): Promise<Statistics> {
  const { source, increments, secondMoments = false, signal, onBatch, onEvaluation, store } = options;
  using probe = await Probe.create({
    network: model.checkpoint.network,
    device: model.device,
    weights: model.weights,
    sequences: source.sequences,
    increments,
    secondMoments,
    places: source.places,
  });
  const first = store ? restore(store, probe) : 0;
  for (let i = 0; i < first * source.evaluations; i++) onEvaluation?.();
  let nextSaving = Number.NEGATIVE_INFINITY;
  for (let batch = first; batch < source.batches; batch++) {
    await source.run(batch, watched(probe, signal, onEvaluation), increments);
    onBatch?.(batch + 1);
    const started = performance.now();
    if (!store || (started < nextSaving && batch + 1 < source.batches)) continue;
    store.save(probe.state().set('batches', Float64Array.of(batch + 1)), SUMS);
    const saving = performance.now() - started;
    nextSaving = started + Math.max(1000 * SAVE_SECONDS, saving / SAVE_SHARE);
  }
  return probe.finish();
}

/** Takes up the sums of an earlier run, and returns of how many batches they are. */
function restore(store: CalibrationStore, probe: Probe): number {
  let batches = 0;
  loadWhole(store, SUMS, (saved) => {
    probe.restore(saved);
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
