/** Where along the steps and the layers a cached run leaves the uncached one. */
import { batchNormals } from '../../diffusion/philox.js';
import { DenoisingSession } from '../../engine/session.js';
import { FormatError } from '../../errors.js';
import { denoiseBatch } from '../../pipeline/batch.js';
import { requireUngated } from '../../pipeline/cachePolicy.js';
import {
  type AnyCacheOptions,
  type CacheOptions,
  type ResolvedOptions,
  resolveOptions,
  type SampleOptions,
} from '../../pipeline/options.js';
import type { DiTPipeline } from '../../pipeline/pipeline.js';
import { samplerOf } from '../../pipeline/planBatch.js';
import { RelativeL2 } from '../metrics/relativeL2.js';
import { exposeResidual, residualOutput, sublayers } from './exposeResidual.js';
import { runKey } from './runKey.js';
import { SavedRun } from './savedRun.js';

export interface TrajectoryStepError {
  readonly step: number;
  readonly timestep: number;
  /** Relative L2 of the latents after the step to those of the uncached run, all images as one vector. */
  readonly latents: number;
  /**
   * Relative L2 of the residual stream behind each sublayer (`blocks.0.attention`, `blocks.0.mlp`, ...), both
   * branches of guidance together.
   */
  readonly layers: ReadonlyMap<string, number>;
}

/** One of the two runs of a batch, at the step it has reached. */
interface Run {
  readonly session: DenoisingSession;
  readonly latents: Float32Array;
  readonly steps: ReturnType<typeof denoiseBatch>;
}

export interface TrajectoryOptions extends SampleOptions {
  /** Keeps the sums after every batch; where there are some already, goes on with them. */
  readonly folder?: string;
  /** Called after every step of every batch. */
  readonly onStep?: () => void;
}

/** The sums of one step. */
interface StepSums {
  readonly latents: RelativeL2;
  readonly layers: ReadonlyMap<string, RelativeL2>;
}

/**
 * Samples with `options.cache` and without a cache from the same noise, both step by step, and returns the error
 * after every step. Takes the memory of one batch twice, whatever the number of images; throws as `sample` does.
 */
export async function trajectoryError(
  pipeline: DiTPipeline,
  options: TrajectoryOptions,
): Promise<TrajectoryStepError[]> {
  const resolved = resolveOptions(options, pipeline.checkpoint);
  requireUngated(resolved.cache, 'errors by layer');
  const { labels, batch } = resolved;
  const { timesteps } = samplerOf(resolved, pipeline.config);
  const names = sublayers(pipeline.config);
  const steps = timesteps.map((): StepSums => {
    return { latents: new RelativeL2(), layers: new Map(names.map((name) => [name, new RelativeL2()])) };
  });
  await pipeline.checkpoint.loadHash(options.signal);
  using saved = await savedSums(pipeline, resolved, options.folder);
  for (let first = restoreSums(saved, steps); first < labels.length; first += batch) {
    await addBatch(pipeline, resolved, first, steps, options.onStep);
    saved?.save(stateOf(first + batch, steps));
  }
  return steps.map(({ latents, layers }, step) => ({
    step,
    timestep: timesteps[step]!,
    latents: latents.value,
    layers: new Map([...layers].map(([name, error]) => [name, error.value])),
  }));
}

async function addBatch(
  pipeline: DiTPipeline,
  options: ResolvedOptions,
  first: number,
  steps: readonly StepSums[],
  onStep: (() => void) | undefined,
): Promise<void> {
  const cached = await startRun(pipeline, options, first, options.cache);
  try {
    const whole = await startRun(pipeline, options, first, { policy: 'none' });
    try {
      for (const { latents, layers } of steps) {
        await cached.steps.next();
        await whole.steps.next();
        latents.add(cached.latents, whole.latents);
        for (const [name, error] of layers)
          error.add(cached.session.read(residualOutput(name)), whole.session.read(residualOutput(name)));
        onStep?.();
      }
    } finally {
      whole.session.dispose();
    }
  } finally {
    cached.session.dispose();
  }
}

async function savedSums(
  pipeline: DiTPipeline,
  options: ResolvedOptions,
  folder: string | undefined,
): Promise<SavedRun | undefined> {
  if (folder === undefined) return undefined;
  const { labels, batch, firstImage } = options;
  // Sums are taken by batches, so here the batch does change bits.
  return SavedRun.open(
    folder,
    runKey(pipeline, options, undefined, { labels, batch, firstImage, sums: 'trajectory' }),
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

async function startRun(
  pipeline: DiTPipeline,
  options: ResolvedOptions,
  first: number,
  cache: AnyCacheOptions,
): Promise<Run> {
  const { config, device, weights } = pipeline;
  const { seed, firstImage, guidanceScale, guidanceChannels, signal } = options;
  const labels = options.labels.slice(first, first + options.batch);
  const size = config.inChannels * config.inputSize ** 2;
  const { noise: given, ...rest } = options;
  const plan = pipeline.plan({ ...rest, labels, batch: labels.length, cache: cache as CacheOptions });
  const plans = plan.plans.map(exposeResidual);
  const session = await DenoisingSession.create(device, weights, { ...plan, plans });
  /** As the pipeline draws it: stream 0 is the initial noise, then one a step. */
  const noise = (stream: number) => batchNormals(seed, stream, firstImage + first, labels.length, size);
  const sampler = samplerOf(options, config);
  const latents = sampler.initialLatents(
    given?.subarray(first * size, (first + labels.length) * size) ?? noise(0),
  );
  const steps = denoiseBatch({
    config,
    session,
    sampler,
    labels,
    guidanceScale,
    guidanceChannels,
    latents,
    noise: (step) => noise(1 + step),
    firstImage: firstImage + first,
    signal,
  });
  return { session, latents, steps };
}
