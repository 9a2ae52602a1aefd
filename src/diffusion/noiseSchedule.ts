/** The forward process that Meta's DiT was trained on, and the subsets of its steps that ADM's samplers visit. */
import { ArgumentError, requireInteger } from '../errors.js';
import { roundHalfEven } from './spacing.js';

/** Steps of the process that the networks were trained on. */
export const TRAINING_STEPS = 1000;

const BETA_START = 1e-4;
const BETA_END = 2e-2;

/** The linear betas of DDPM (Ho et al. 2020) over `TRAINING_STEPS` steps. */
export function linearBetas(): Float64Array {
  const step = (BETA_END - BETA_START) / (TRAINING_STEPS - 1);
  return Float64Array.from({ length: TRAINING_STEPS }, (_, t) => BETA_START + step * t);
}

/** Products of 1 - beta up to and including each step. */
export function cumulativeAlphas(betas: Float64Array): Float64Array {
  let product = 1;
  return betas.map((beta) => {
    product *= 1 - beta;
    return product;
  });
}

/** A process over a subset of the training timesteps. */
export interface RespacedProcess {
  /** Training timesteps that are kept, ascending. */
  readonly timesteps: readonly number[];
  /** Betas that give the kept steps the cumulative products of the full process. */
  readonly betas: Float64Array;
  readonly alphasCumprod: Float64Array;
}

/**
 * How ADM chooses the steps that it keeps (`space_timesteps`). `even`: spread over the whole process, first and last
 * included, which ADM writes as a number. `stride`: at the smallest whole stride that keeps as many, from 0 on, which it
 * writes as `ddim` and a number.
 */
export const RESPACINGS = ['even', 'stride'] as const;
export type Respacing = (typeof RESPACINGS)[number];

/**
 * The process over `steps` of its timesteps (ADM's `SpacedDiffusion`). steps: 1 to 1000. Throws an `ArgumentError` for
 * other numbers, and for those that no whole stride gives.
 */
export function respace(steps: number, respacing: Respacing = 'even'): RespacedProcess {
  requireInteger('steps', steps, 1, TRAINING_STEPS);
  const timesteps = respacing === 'even' ? spaceTimesteps(steps) : strideTimesteps(steps);
  const full = cumulativeAlphas(linearBetas());
  const alphasCumprod = Float64Array.from(timesteps, (t) => full[t]!);
  const betas = alphasCumprod.map((alpha, i) => 1 - alpha / (i === 0 ? 1 : alphasCumprod[i - 1]!));
  return { timesteps, betas, alphasCumprod };
}

/**
 * Adds the stride up, as ADM does: its rounding errors decide between the neighbours of a half, and
 * i * stride would give other timesteps for 278 of the thousand step counts.
 */
function spaceTimesteps(steps: number): number[] {
  const stride = steps === 1 ? 1 : (TRAINING_STEPS - 1) / (steps - 1);
  const timesteps: number[] = [];
  for (let place = 0; timesteps.length < steps; place += stride) timesteps.push(roundHalfEven(place));
  return timesteps;
}

function strideTimesteps(steps: number): number[] {
  for (let stride = 1; stride < TRAINING_STEPS; stride++)
    if (Math.ceil(TRAINING_STEPS / stride) === steps)
      return Array.from({ length: steps }, (_, i) => i * stride);
  throw new ArgumentError('steps', steps, `a number that a whole stride over ${TRAINING_STEPS} steps gives`);
}

/** A step of a sampler on a discrete process, as the solvers of DDIM and DDPM take it. */
export interface ProcessStep {
  readonly timestep: number;
  /** Cumulative product of 1 - beta at the step, and where it leads; 1 at the end. */
  readonly alpha: number;
  readonly alphaNext: number;
}

/** The steps of a respaced process, in sampling order. */
export function respacedSteps(steps: number, respacing: Respacing): ProcessStep[] {
  const { timesteps, alphasCumprod } = respace(steps, respacing);
  return timesteps
    .map((timestep, place) => ({
      timestep,
      alpha: alphasCumprod[place]!,
      alphaNext: place === 0 ? 1 : alphasCumprod[place - 1]!,
    }))
    .reverse();
}

/** sqrt(alphaCumprod) x0 + sqrt(1 - alphaCumprod) noise: x0 after the forward process (DDPM, equation 4). */
export function qSample(x0: Float32Array, noise: Float32Array, alphaCumprod: number): Float32Array {
  if (noise.length !== x0.length)
    throw new ArgumentError('noise', `${noise.length} values`, `${x0.length}, as many as x0`);
  const [signal, sigma] = [Math.sqrt(alphaCumprod), Math.sqrt(1 - alphaCumprod)];
  return x0.map((value, i) => signal * value + sigma * noise[i]!);
}
