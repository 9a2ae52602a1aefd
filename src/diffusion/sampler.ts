/** What a sampler is, and the choice among them. */
import { ArgumentError, requireNumber, requireOneOf } from '../errors.js';
import { continuousSolver } from './continuousSolver.js';
import { ddim } from './ddim.js';
import { ddpm, VARIANCES, type Variance } from './ddpm.js';
import { RESPACINGS, type Respacing, respacedSteps } from './noiseSchedule.js';
import { type SchedulerConfig, type SchedulerTable, schedulerTable } from './scheduler.js';
import { SPACINGS, type Spacing } from './spacing.js';
import { TableRun } from './tableRun.js';

/** The network's output for a batch: images x channels x height x width each. */
export interface Prediction {
  /** The noise; under another parameterization what the network predicts in its place. */
  readonly noise: Float32Array;
  /** Interpolation between the logarithms of the smallest and largest variance, in [-1, 1]. */
  readonly variance?: Float32Array;
}

/** Standard normals for all images of the batch; steps are counted from 0 in sampling order. */
export type StepNoise = (step: number) => Float32Array;

/**
 * One step of a sampler, all of which are linear in the latents x, the predicted noise, x0 and fresh noise z:
 *
 *     x0 = x0.x * x + x0.noise * predicted noise, held to [-x0.clip, x0.clip] where there is a clip
 *     x' = next.x * x + next.x0 * x0 + next.x0Before * (x0 of the step before) + next.x0Earlier * (x0 of the one before that)
 *          + next.noise * predicted noise + exp(logDeviation) * z
 *
 * DPM-Solver with noise prediction keeps the noise where the others keep x0.
 */
export interface SamplerStep {
  /** Given to the network; fractional for some samplers. */
  readonly timestep: number;
  readonly x0: { readonly x: number; readonly noise: number; readonly clip?: number };
  /** `x0Before` is 0 at the first step. */
  readonly next: {
    readonly x: number;
    readonly x0: number;
    readonly x0Before: number;
    /** Used by samplers of order 3 only. */
    readonly x0Earlier?: number;
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
  /** Timesteps given to the network, one for each evaluation, in sampling order; fractional for some samplers. */
  readonly timesteps: readonly number[];
  /** Sampling starts from normal noise times this; 1 but for Euler's method. */
  readonly initialScale: number;
  /** Whether predictions must have a variance. */
  readonly needsVariance: boolean;
  /** What sampling starts from, of standard normals. */
  initialLatents(noise: Float32Array): Float32Array;
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

export const SAMPLER_NAMES = ['ddim', 'ddpm', 'dpm++2m', 'euler'] as const;
export type SamplerName = (typeof SAMPLER_NAMES)[number];

export const ALL_SPACINGS = [...RESPACINGS, ...SPACINGS] as const;

export interface SamplerSettings {
  /** Noise of DDIM: 0 (the default) is deterministic, 1 that of DDPM's smaller variance. */
  readonly eta?: number;
  /** Variance of DDPM. Default: the network's where it predicts one, else beta (`fixed-large`). */
  readonly variance?: Variance;
  /**
   * Which timesteps are visited. `even` and `stride` are ADM's, for DDIM and DDPM; the others those of diffusers'
   * schedulers. Default: what `scheduler` says, else `even`, and `linspace` for Euler's method.
   */
  readonly spacing?: Spacing | Respacing;
  /** The fields of a `scheduler_config.json` of diffusers, of this sampler or another one. */
  readonly scheduler?: SchedulerConfig;
}

export interface SamplerRequest extends SamplerSettings {
  readonly steps: number;
  /** Whether the network predicts a variance too. Default: true. */
  readonly predictsVariance?: boolean;
}

/**
 * Without `scheduler` and with no spacing of diffusers the samplers are those of the codes that the models come from:
 * Meta's DDIM and DDPM, and DPM-Solver++ as its authors run it.
 *
 * Throws an `ArgumentError` for steps that the process does not have and for settings that the sampler does not have.
 */
export function createSampler(name: SamplerName, request: SamplerRequest): Sampler {
  requireOneOf('sampler', name, SAMPLER_NAMES);
  requireSettings(name, request);
  const table = tableOf(name, request);
  if (table.needsVariance && request.predictsVariance === false)
    throw new ArgumentError(
      'variance',
      'learned',
      'fixed-large or fixed-small: this model does not predict a variance',
    );
  return samplerOfTable(name, table);
}

/** The sampler that follows a table, wherever it is from. */
export function samplerOfTable(
  name: SamplerName,
  { steps: table, initialScale, needsVariance }: SchedulerTable,
): Sampler {
  return {
    name,
    table,
    timesteps: table.map(({ timestep }) => timestep),
    initialScale,
    needsVariance,
    initialLatents: (noise) => noise.map((value) => initialScale * value),
    start: (noise) => new TableRun(table, needsVariance, noise),
  };
}

function requireSettings(name: SamplerName, { eta, variance, spacing }: SamplerSettings): void {
  if (eta !== undefined) {
    if (name !== 'ddim') throw new ArgumentError('eta', eta, `no eta: ${name} has none`);
    requireNumber('eta', eta, 0, 1);
  }
  if (variance !== undefined) {
    if (name !== 'ddpm') throw new ArgumentError('variance', variance, `no variance: ${name} has none`);
    requireOneOf('variance', variance, VARIANCES);
  }
  if (spacing !== undefined) requireOneOf('spacing', spacing, ALL_SPACINGS);
}

function tableOf(name: SamplerName, request: SamplerRequest): SchedulerTable {
  const { steps, eta = 0, variance, scheduler, predictsVariance = true } = request;
  const spacing = request.spacing ?? (scheduler || name === 'euler' ? undefined : 'even');
  if (spacing === 'even' || spacing === 'stride') {
    if (scheduler)
      throw new ArgumentError('spacing', spacing, `one of ${SPACINGS.join(', ')} for a scheduler`);
    return tableOfAdm(name, steps, spacing, eta, variance ?? (predictsVariance ? 'learned' : 'fixed-large'));
  }
  return schedulerTable(scheduler ?? {}, name, { steps, eta, variance, spacing, predictsVariance });
}

function tableOfAdm(
  name: SamplerName,
  steps: number,
  spacing: Respacing,
  eta: number,
  variance: Variance,
): SchedulerTable {
  const whole = { initialScale: 1, needsVariance: false };
  switch (name) {
    case 'ddim':
      return { ...whole, steps: ddim(respacedSteps(steps, spacing), { eta, predicts: 'epsilon' }) };
    case 'ddpm': {
      const table = ddpm(respacedSteps(steps, spacing), { variance, predicts: 'epsilon' });
      return { ...whole, steps: table, needsVariance: variance === 'learned' };
    }
    case 'dpm++2m':
      if (spacing === 'stride')
        throw new ArgumentError('spacing', spacing, 'another one: dpm++2m has no such timesteps');
      return { ...whole, steps: continuousSolver(steps) };
    case 'euler':
      throw new ArgumentError(
        'spacing',
        spacing,
        `one of ${SPACINGS.join(', ')}: those of ADM are for ddim and ddpm`,
      );
  }
}
