/** What a sampler is, and the choice among them. */
import { ArgumentError, requireNumber, requireOneOf } from '../errors.js';
import { checkedSampler } from './checkedSampler.js';
import { ddim } from './ddim.js';
import { ddpm } from './ddpm.js';
import { dpmSolver } from './dpmSolver.js';

/** The network's output for a batch: images x channels x height x width each. */
export interface Prediction {
  readonly noise: Float32Array;
  /** Interpolation between the logarithms of the smallest and largest variance, in [-1, 1]. */
  readonly variance?: Float32Array;
}

/** Standard normals for all images of the batch; steps are counted from 0 in sampling order. */
export type StepNoise = (step: number) => Float32Array;

export interface Sampler {
  readonly name: SamplerName;
  /** Timesteps given to the network, one an evaluation, in sampling order; fractional for DPM-Solver++. */
  readonly timesteps: readonly number[];
  /** Whether predictions must have a variance. */
  readonly needsVariance: boolean;
  /** Starts a trajectory, with a state of its own. */
  start(noise: StepNoise): SamplerRun;
}

export interface SamplerRun {
  /**
   * Takes step `step`, in order from 0: updates `latents` in place, computing in float64 and rounding once.
   * Throws an `ArgumentError` for a step outside the run and for lengths that differ from the latents'.
   */
  advance(step: number, latents: Float32Array, prediction: Prediction): void;
}

export const SAMPLER_NAMES = ['ddim', 'ddpm', 'dpm++2m'] as const;
export type SamplerName = (typeof SAMPLER_NAMES)[number];

export interface SamplerSettings {
  /** Noise of DDIM: 0 (the default) is deterministic, 1 that of DDPM's smaller variance. */
  readonly eta?: number;
  /** Variance of DDPM: the network's (`learned`, the default) or beta (`fixed-large`). */
  readonly variance?: 'learned' | 'fixed-large';
}

/** Throws an `ArgumentError` for steps outside 1..1000 and for settings that the sampler does not have. */
export function createSampler(
  name: SamplerName,
  settings: SamplerSettings & { readonly steps: number },
): Sampler {
  requireOneOf('sampler', name, SAMPLER_NAMES);
  const { steps, eta, variance } = settings;
  if (eta !== undefined && name !== 'ddim') throw new ArgumentError('eta', eta, `no eta: ${name} has none`);
  if (variance !== undefined && name !== 'ddpm')
    throw new ArgumentError('variance', variance, `no variance: ${name} has none`);
  switch (name) {
    case 'ddim':
      requireNumber('eta', eta ?? 0, 0, 1);
      return checkedSampler(ddim(steps, eta ?? 0));
    case 'ddpm':
      requireOneOf('variance', variance ?? 'learned', ['learned', 'fixed-large']);
      return checkedSampler(ddpm(steps, variance ?? 'learned'));
    case 'dpm++2m':
      return checkedSampler(dpmSolver(steps));
  }
}
