/** The sampler that a run's options ask for. */
import { createSampler, type Sampler } from '../diffusion/sampler.js';
import type { Network } from '../models/network.js';
import type { ResolvedOptions } from './options.js';

/** Throws an `ArgumentError` for a sampler that needs a variance which the model does not predict. */
export function samplerOf(options: ResolvedOptions, { predicts }: Pick<Network, 'predicts'>): Sampler {
  return createSampler(options.sampler, { ...options, predictsVariance: predicts.variance });
}
