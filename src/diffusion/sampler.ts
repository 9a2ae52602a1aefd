/** What a sampler is, and the choice among them. */
import { ArgumentError, requireNumber, requireOneOf } from '../errors.js';
import { ddim } from './ddim.js';
import { ddpm } from './ddpm.js';
import { dpmSolver } from './dpmSolver.js';
import { TableRun } from './tableRun.js';

/** The network's output for a batch: images x channels x height x width each. */
export interface Prediction {
  readonly noise: Float32Array;
  /** Interpolation between the logarithms of the smallest and largest variance, in [-1, 1]. */
  readonly variance?: Float32Array;
}

/** Standard normals for all images of the batch; steps are counted from 0 in sampling order. */
export type StepNoise = (step: number) => Float32Array;

/**
 * One step of a sampler, all of which are linear in the latents x, the predicted noise, x0 and fresh noise z:
 *
 *     x0 = x0.x * x + x0.noise * predicted noise
 *     x' = next.x * x + next.x0 * x0 + next.x0Before * (x0 of the step before) + next.noise * predicted noise
 *          + exp(logDeviation) * z
 */
export interface SamplerStep {
  /** Given to the network; fractional for DPM-Solver++. */
  readonly timestep: number;
  readonly x0: { readonly x: number; readonly noise: number };
  /** `x0Before` is 0 at the first step. */
  readonly next: {
    readonly x: number;
    readonly x0: number;
    readonly x0Before: number;
    readonly noise: number;
  };
  /**
   * Logarithm of the standard deviation of fresh noise where the predicted variance is -1 and where it is 1, to be
   * interpolated between; equal when it is fixed, absent when the step is deterministic.
   */
  readonly logDeviation?: readonly [number, number];
}

export interface Sampler {
  readonly name: SamplerName;
  /** What every step does, in sampling order. */
  readonly table: readonly SamplerStep[];
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
   * Throws an `ArgumentError` for a step outside the run, or without the one before it where that is needed, and
   * for lengths that differ from the latents'.
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
  const table = tableOf(name, steps, eta ?? 0, variance ?? 'learned');
  const needsVariance = name === 'ddpm' && variance !== 'fixed-large';
  return {
    name,
    table,
    timesteps: table.map(({ timestep }) => timestep),
    needsVariance,
    start: (noise) => new TableRun(table, needsVariance, noise),
  };
}

function tableOf(
  name: SamplerName,
  steps: number,
  eta: number,
  variance: 'learned' | 'fixed-large',
): SamplerStep[] {
  switch (name) {
    case 'ddim':
      requireNumber('eta', eta, 0, 1);
      return ddim(steps, eta);
    case 'ddpm':
      requireOneOf('variance', variance, ['learned', 'fixed-large']);
      return ddpm(steps, variance);
    case 'dpm++2m':
      return dpmSolver(steps);
  }
}
