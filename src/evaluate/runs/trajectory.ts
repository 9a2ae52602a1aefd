/** Where along the steps and the layers a cached run leaves the uncached one. */
import { FormatError } from '../../errors.js';
import type { ResolvedOptions, SampleOptions } from '../../pipeline/options.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import type { TextOptions } from '../../pipeline/text/textOptions.js';
import { runKey } from './runKey.js';
import { SavedRun } from './savedRun.js';
import { subjectsKey } from './subjects.js';
import { addBatch, errorsOf, type StepSums, startSums, type TrajectoryStepError } from './trajectoryRuns.js';

export type { TrajectoryStepError };

export interface TrajectoryOptions extends Omit<SampleOptions, 'perImage'> {
  /** Keeps the sums after every batch; where there are some already, goes on with them. */
  readonly folder?: string;
  /** Called after every step of every batch. */
  readonly onStep?: () => void;
}

/**
 * Samples with `options.cache` and without a cache from the same noise, both step by step, and returns the error
 * after every step. Takes the memory of one batch twice, whatever the number of images; throws as `sample` does.
 */
export async function trajectoryError(
  pipeline: Pipeline,
  options: TrajectoryOptions,
): Promise<TrajectoryStepError[]> {
  const resolved = pipeline.resolve(options);
  const { images, batch } = resolved;
  const steps = startSums(pipeline, resolved);
  await pipeline.checkpoint.loadHash(options.signal);
  using saved = await savedSums(pipeline, resolved, options);
  for (let first = restoreSums(saved, steps); first < images; first += batch) {
    await addBatch(pipeline, resolved, first, steps, options.onStep);
    saved?.save(stateOf(first + batch, steps));
  }
  return errorsOf(steps);
}

async function savedSums(
  pipeline: Pipeline,
  options: ResolvedOptions,
  { folder, ...given }: TrajectoryOptions,
): Promise<SavedRun | undefined> {
  if (folder === undefined) return undefined;
  const { labels, batch, firstImage, text } = options;
  // Sums are taken by batches, so here the batch does change bits.
  return SavedRun.open(
    folder,
    runKey(pipeline, options, undefined, {
      labels,
      ...(text && subjectsKey(pipeline, given as TextOptions)),
      batch,
      firstImage,
      sums: 'trajectory',
    }),
  );
}

/** One array of the images done and every sum in turn, since a tensor for each would be thousands. */
function stateOf(done: number, steps: readonly StepSums[]): Map<string, Float64Array> {
  const sums = arraysOf(steps).flatMap((array) => [...array]);
  return new Map([['sums', Float64Array.of(done, ...sums)]]);
}

/** Returns the images that are in the sums. */
function restoreSums(saved: SavedRun | undefined, steps: readonly StepSums[]): number {
  let done = 0;
  saved?.load((array) => {
    const arrays = arraysOf(steps);
    const sums = array('sums');
    if (sums?.length !== 1 + arrays.length)
      throw new FormatError(
        `${saved.folder} holds ${sums?.length ?? 0} sums of a trajectory; expected ${1 + arrays.length}`,
      );
    done = sums[0]!;
    for (const [i, target] of arrays.entries()) target[0] = sums[1 + i]!;
  });
  return done;
}

/** Arrays of one number each. */
function arraysOf(steps: readonly StepSums[]): Float64Array[] {
  return steps.flatMap(({ latents, layers }) =>
    [latents, ...layers.values()].flatMap(({ state }) => Object.values(state)),
  );
}
