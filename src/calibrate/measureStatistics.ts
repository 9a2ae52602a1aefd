/** From calibration data to what is known of the channels of every linear. */
import { pause } from '#platform/eventLoop';
import type { Device, DeviceWeights } from '../backend/backend.js';
import type { DenoiserCheckpoint } from '../engine/checkpoint.js';
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
  /** Of the change between two steps instead of the values themselves. */
  readonly increments: boolean;
  readonly secondMoments?: boolean;
  /** Stops between two evaluations. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of batches measured. */
  readonly onBatch?: (done: number) => void;
  /** Called after every evaluation of the network. */
  readonly onEvaluation?: () => void;
}

/** Shows all batches of the source to the model. */
export async function measureStatistics(model: LoadedModel, options: MeasureOptions): Promise<Statistics> {
  const { source, increments, secondMoments = false, signal, onBatch, onEvaluation } = options;
  using probe = await Probe.create({
    network: model.checkpoint.network,
    device: model.device,
    weights: model.weights,
    sequences: source.sequences,
    increments,
    secondMoments,
    places: source.places,
  });
  for (let batch = 0; batch < source.batches; batch++) {
    await source.run(batch, watched(probe, signal, onEvaluation), increments);
    onBatch?.(batch + 1);
  }
  return probe.finish();
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
