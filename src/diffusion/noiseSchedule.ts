/** The forward process: linear betas, their products, and the subset of steps that a sampler visits. */
import { ArgumentError, requireInteger } from '../errors.js';

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
 * `steps` timesteps spread evenly over the full process, first and last included (ADM's `space_timesteps`
 * with one section; `SpacedDiffusion` for the betas). steps: 1 to 1000.
 */
export function respace(steps: number): RespacedProcess {
  requireInteger('steps', steps, 1, TRAINING_STEPS);
  const timesteps = spaceTimesteps(steps);
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

/** As Python's round(), which ADM uses: halves go to the even neighbour. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** sqrt(alphaCumprod) x0 + sqrt(1 - alphaCumprod) noise: x0 after the forward process (DDPM, equation 4). */
export function qSample(x0: Float32Array, noise: Float32Array, alphaCumprod: number): Float32Array {
  if (noise.length !== x0.length)
    throw new ArgumentError('noise', `${noise.length} values`, `${x0.length}, as many as x0`);
  const [signal, sigma] = [Math.sqrt(alphaCumprod), Math.sqrt(1 - alphaCumprod)];
  return x0.map((value, i) => signal * value + sigma * noise[i]!);
}
