/** Where along the steps and the layers a cached run leaves the uncached one. */
import { normals } from '../diffusion/philox.js';
import { DenoisingSession } from '../engine/session.js';
import { denoiseBatch } from '../pipeline/batch.js';
import {
  type CacheOptions,
  type ResolvedOptions,
  resolveOptions,
  type SampleOptions,
} from '../pipeline/options.js';
import type { DiTPipeline } from '../pipeline/pipeline.js';
import { samplerOf } from '../pipeline/planBatch.js';
import { exposeResidual, residualOutput, sublayers } from './exposeResidual.js';
import { RelativeL2 } from './relativeL2.js';

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

/**
 * Samples with `options.cache` and without a cache from the same noise, both step by step, and returns the error
 * after every step. Takes the memory of one batch twice, whatever the number of images; throws as `sample` does.
 */
export async function trajectoryError(
  pipeline: DiTPipeline,
  options: SampleOptions,
): Promise<TrajectoryStepError[]> {
  const resolved = resolveOptions(options, pipeline.config);
  const { timesteps } = samplerOf(resolved, pipeline.config);
  const names = sublayers(pipeline.config);
  const errors = timesteps.map(() => ({
    latents: new RelativeL2(),
    layers: new Map(names.map((name) => [name, new RelativeL2()] as const)),
  }));
  for (let first = 0; first < resolved.labels.length; first += resolved.batch) {
    const cached = await startRun(pipeline, resolved, first, resolved.cache);
    try {
      const whole = await startRun(pipeline, resolved, first, { policy: 'none' });
      try {
        for (const { latents, layers } of errors) {
          await cached.steps.next();
          await whole.steps.next();
          latents.add(cached.latents, whole.latents);
          for (const [name, error] of layers)
            error.add(cached.session.read(residualOutput(name)), whole.session.read(residualOutput(name)));
        }
      } finally {
        whole.session.dispose();
      }
    } finally {
      cached.session.dispose();
    }
  }
  return errors.map(({ latents, layers }, step) => ({
    step,
    timestep: timesteps[step]!,
    latents: latents.value,
    layers: new Map([...layers].map(([name, error]) => [name, error.value])),
  }));
}

async function startRun(
  pipeline: DiTPipeline,
  options: ResolvedOptions,
  first: number,
  cache: CacheOptions,
): Promise<Run> {
  const { config, device, weights } = pipeline;
  const { seed, firstImage, guidanceScale, guidanceChannels, signal } = options;
  const labels = options.labels.slice(first, first + options.batch);
  const size = config.inChannels * config.inputSize ** 2;
  const { noise: given, ...rest } = options;
  const plan = pipeline.plan({ ...rest, labels, batch: labels.length, cache });
  const plans = plan.plans.map((step) => exposeResidual(step, config));
  const session = await DenoisingSession.create(device, weights, { ...plan, plans });
  /** As the pipeline draws it: stream 0 is the initial noise, then one a step. */
  const noise = (stream: number) => {
    const values = new Float32Array(labels.length * size);
    for (const i of labels.keys()) values.set(normals(seed, stream, firstImage + first + i, size), i * size);
    return values;
  };
  const latents = given?.slice(first * size, (first + labels.length) * size) ?? noise(0);
  const steps = denoiseBatch({
    config,
    session,
    sampler: samplerOf(options, config),
    labels,
    guidanceScale,
    guidanceChannels,
    latents,
    noise: (step) => noise(1 + step),
    signal,
  });
  return { session, latents, steps };
}
