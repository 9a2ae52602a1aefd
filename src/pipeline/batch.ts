/** Denoises one batch: the loop over steps between the sampler on the host and the network on the device. */
import { pause } from '#platform/eventLoop';
import { requireFiniteLatents } from '../diffusion/finiteLatents.js';
import type { Sampler, StepNoise } from '../diffusion/sampler.js';
import { IncacheError } from '../errors.js';
import { planCost } from '../plan/cost.js';
import { BatchNetwork, type BatchNetworkOptions } from './batchNetwork.js';
import { previewOf } from './preview.js';
import type { SampleStep } from './result.js';

export interface BatchOptions extends BatchNetworkOptions {
  readonly sampler: Sampler;
  /** Updated in place: images x channels x height x width. */
  readonly latents: Float32Array;
  readonly noise: StepNoise;
  /** Place of the first image in the run, for errors. Default 0. */
  readonly firstImage?: number;
}

/**
 * Yields after every step; batch numbers are the caller's to add. Throws a `NonFiniteError` after a step that leaves NaN or
 * infinite latents.
 */
export async function* denoiseBatch(
  options: BatchOptions,
): AsyncGenerator<Omit<SampleStep, 'batch' | 'batches'>> {
  const { session, sampler, latents, conditions, firstImage = 0 } = options;
  const { plan } = session;
  const network = new BatchNetwork(options);
  const run = sampler.start(options.noise);
  const macs = plan.plans.map((step) => planCost(step).macs);
  const count = conditions.conditional.length;
  const images = { steps: sampler.timesteps.length, images: count, firstImage };
  const { channels } = options.network.latents;
  const { height, width } = plan.geometry;
  let latest = -1;
  for (const [index, timestep] of sampler.timesteps.entries()) {
    options.signal?.throwIfAborted();
    const start = performance.now();
    const place = index % plan.chunkSteps;
    if (place === 0) await network.condition(sampler.timesteps.slice(index, index + plan.chunkSteps));
    run.advance(index, latents, await network.predict(index, place, latents));
    requireFiniteLatents(latents, { step: index, ...images });
    const milliseconds = performance.now() - start;
    latest = index;
    yield {
      index,
      steps: sampler.timesteps.length,
      timestep,
      milliseconds,
      macs: session.course.plans.reduce((sum, place) => sum + macs[place]!, 0),
      cachedBlocks: session.course.cachedBlocks,
      latents: () => {
        requireLatest(index, latest);
        return latents.slice();
      },
      preview: () => {
        requireLatest(index, latest);
        return previewOf(latents, [count, channels, height, width]);
      },
    };
    // The network runs on this thread too: let signals, timers and the caller's own work through.
    await pause();
  }
}

function requireLatest(index: number, latest: number): void {
  if (latest !== index)
    throw new IncacheError(
      `the latents of step ${index} are no longer kept, since step ${latest} was taken; read them before the next step`,
    );
}
