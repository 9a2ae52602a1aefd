/** What `incache calibrate` shows to the model: images of a file, or the model's own trajectories. */
import { createHash } from 'node:crypto';
import type { StepGrams } from '../cache/data/stepGrams.js';
import {
  type CalibrationSource,
  type ConditionsInTurn,
  imageSource,
  type SourceOptions,
  type TrajectorySourceOptions,
} from '../calibrate/sources.js';
import { ownTrajectories } from '../evaluate/runs/ownTrajectories.js';
import { defaultsOf } from '../pipeline/options.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import { textCondition } from '../pipeline/text/textOptions.js';
import { calibrationImages } from './calibrationImages.js';
import { type SamplingFlags, samplingOptions } from './samplingFlags.js';
import { type TextFlags, textOptions } from './textFlags.js';

export interface CalibrationData {
  readonly source: CalibrationSource;
  /** Hash of the numbers that come from files. */
  hash(): string;
}

/** Options of the command. */
export interface DataFlags
  extends SamplingFlags,
    TextFlags,
    Pick<SourceOptions, 'count' | 'batch'>,
    Pick<TrajectorySourceOptions, 'period' | 'order' | 'terms' | 'computed'> {
  readonly images?: string;
  readonly seed: number;
  readonly json?: boolean;
}

const DEFAULT_COUNT = 256;

export async function calibrationData(
  flags: DataFlags,
  fits: StepGrams | undefined,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<CalibrationData> {
  return flags.images === undefined
    ? trajectoryData(flags, fits, pipeline, signal)
    : imageData(flags, flags.images, pipeline, signal);
}

async function trajectoryData(
  flags: DataFlags,
  fits: StepGrams | undefined,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<CalibrationData> {
  const { count = DEFAULT_COUNT, batch, seed, period, order, terms, computed } = flags;
  const { source, conditions } = await ownTrajectories(pipeline, {
    ...samplingOptions(flags),
    ...textOptions(flags),
    count,
    ...(batch !== undefined && { batch }),
    seed,
    signal,
    ...(period !== undefined && { period }),
    ...(order !== undefined && { order }),
    ...(fits && { fits }),
    ...(terms !== undefined && { terms }),
    ...(computed !== undefined && { computed }),
  });
  const isOfText = textCondition(pipeline.network);
  return { source, hash: () => (isOfText ? conditionsHash(conditions, count) : 'labels in turn') };
}

async function imageData(
  flags: DataFlags,
  path: string,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<CalibrationData> {
  const { batch, steps = defaultsOf(pipeline.network).steps, seed } = flags;
  const data = await calibrationImages(pipeline, path, {
    count: flags.count ?? DEFAULT_COUNT,
    seed,
    quiet: flags.json === true,
    signal,
  });
  const count = flags.count ?? Math.min(DEFAULT_COUNT, data.labels.length);
  const source = imageSource(pipeline.network, {
    ...data,
    count,
    ...(batch !== undefined && { batch }),
    steps,
    seed,
  });
  return {
    source,
    hash: () => createHash('sha256').update(data.images).update(data.labels.join()).digest('hex'),
  };
}

/** Hash of all values, since the same prompts give others with another text encoder. */
function conditionsHash(conditionsOf: ConditionsInTurn, count: number): string {
  const hash = createHash('sha256');
  for (let image = 0; image < count; image++) {
    const { conditional, unconditional } = conditionsOf(image, 1);
    for (const { conditions } of [...conditional, ...unconditional])
      for (const [name, values] of Object.entries(conditions))
        hash.update(`${name} ${values.length} `).update(Float32Array.from(values));
  }
  return hash.digest('hex');
}
