/** A cached and an uncached run of one batch, step by step side by side, and the sums of their differences. */
import { batchNormals } from '../../diffusion/philox.js';
import { DenoisingSession } from '../../engine/session.js';
import { latentSize } from '../../models/network.js';
import { denoiseBatch } from '../../pipeline/batch.js';
import { requireUngated } from '../../pipeline/cachePolicy.js';
import type { AnyCacheOptions, ResolvedOptions } from '../../pipeline/options.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { samplerOf } from '../../pipeline/samplerOf.js';
import { RelativeL2 } from '../metrics/relativeL2.js';
import { exposeResidual, residualOutput } from './exposeResidual.js';

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

/** The sums of one step. */
export interface StepSums {
  readonly timestep: number;
  readonly latents: RelativeL2;
  readonly layers: ReadonlyMap<string, RelativeL2>;
}

/** One of the two runs of a batch, at the step it has reached. */
interface Run {
  readonly session: DenoisingSession;
  readonly latents: Float32Array;
  readonly steps: ReturnType<typeof denoiseBatch>;
}

/** Sums without a batch, one for each step. Throws for a policy that decides while it runs. */
export function startSums(pipeline: Pipeline, options: ResolvedOptions): StepSums[] {
  requireUngated(options.cache, 'a measurement of errors by layer');
  const names = pipeline.network.sublayers.map(({ name }) => name);
  return samplerOf(options, pipeline.network).timesteps.map((timestep) => ({
    timestep,
    latents: new RelativeL2(),
    layers: new Map(names.map((name) => [name, new RelativeL2()])),
  }));
}

export function errorsOf(steps: readonly StepSums[]): TrajectoryStepError[] {
  return steps.map(({ timestep, latents, layers }, step) => ({
    step,
    timestep,
    latents: latents.value,
    layers: new Map([...layers].map(([name, error]) => [name, error.value])),
  }));
}

/** Samples the batch that begins with image `first` both ways and adds what differs to the sums. */
export async function addBatch(
  pipeline: Pipeline,
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
          error.add(
            await cached.session.read(residualOutput(name)),
            await whole.session.read(residualOutput(name)),
          );
        onStep?.();
      }
    } finally {
      whole.session.dispose();
    }
  } finally {
    cached.session.dispose();
  }
}

async function startRun(
  pipeline: Pipeline,
  options: ResolvedOptions,
  first: number,
  cache: AnyCacheOptions,
): Promise<Run> {
  const { network, device, weights } = pipeline;
  const { seed, firstImage, guidanceScale, guidanceChannels, geometry, noise: given, signal } = options;
  const images = Math.min(options.batch, options.images - first);
  const size = latentSize(network, geometry);
  const conditions = (await pipeline.conditionsOf(options))(first, images);
  const plan = pipeline.planResolved({ ...options, cache }, exposeResidual, images);
  const session = await DenoisingSession.create(device, weights, plan);
  /** As the pipeline draws it: stream 0 is the initial noise, then one per step. */
  const noise = (stream: number) => batchNormals(seed, stream, firstImage + first, images, size);
  const sampler = samplerOf(options, network);
  const latents = sampler.initialLatents(given?.subarray(first * size, (first + images) * size) ?? noise(0));
  const steps = denoiseBatch({
    network,
    session,
    sampler,
    conditions,
    guidanceScale,
    guidanceChannels,
    latents,
    noise: (step) => noise(1 + step),
    firstImage: firstImage + first,
    signal,
  });
  return { session, latents, steps };
}
