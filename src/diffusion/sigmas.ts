/** Noise levels sigma = sqrt((1 - a) / a) of a variance-exploding view of the process, by diffusers' rules. */
import { linspace, roundHalfEven } from './spacing.js';

/** `training`: those of the timesteps. `karras`: Karras et al. 2022, equation 5. `lu`: even in log sigma (Lu et al. 2022). */
export const SIGMA_SCHEDULES = ['training', 'karras', 'lu'] as const;
export type SigmaSchedule = (typeof SIGMA_SCHEDULES)[number];

const KARRAS_RHO = 7;

/** A sigma for every timestep of the process, ascending. */
export function trainingSigmas(alphasCumprod: Float64Array): Float64Array {
  return alphasCumprod.map((alpha) => Math.sqrt((1 - alpha) / alpha));
}

/** At a timestep that may be fractional; linear in between. */
export function sigmaAt(sigmas: Float64Array, timestep: number): number {
  const low = Math.min(Math.floor(timestep), sigmas.length - 1);
  const high = Math.min(low + 1, sigmas.length - 1);
  return sigmas[low]! + (sigmas[high]! - sigmas[low]!) * (timestep - low);
}

/** `steps` levels from `most` to `least`, neither of which may be 0. */
export function spreadSigmas(
  schedule: 'karras' | 'lu',
  steps: number,
  most: number,
  least: number,
): number[] {
  if (schedule === 'lu') return linspace(Math.log(most), Math.log(least), steps).map(Math.exp);
  const [from, to] = [most ** (1 / KARRAS_RHO), least ** (1 / KARRAS_RHO)];
  return linspace(0, 1, steps).map((share) => (from + share * (to - from)) ** KARRAS_RHO);
}

/** The timestep of a sigma: linear in log sigma between the steps of the process. */
export function timestepOf(sigma: number, sigmas: Float64Array): number {
  const after = sigmas.findIndex((level) => level > sigma);
  const low = Math.min(Math.max((after < 0 ? sigmas.length : after) - 1, 0), sigmas.length - 2);
  const [logLow, logHigh] = [Math.log(sigmas[low]!), Math.log(sigmas[low + 1]!)];
  const share = (logLow - Math.log(Math.max(sigma, 1e-10))) / (logLow - logHigh);
  return low + Math.min(1, Math.max(0, share));
}

export function wholeTimestepOf(sigma: number, sigmas: Float64Array): number {
  return roundHalfEven(timestepOf(sigma, sigmas));
}
