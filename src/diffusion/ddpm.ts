import { respace } from './noiseSchedule.js';
import type { SamplerStep } from './sampler.js';

/**
 * DDPM ancestral sampling (Ho et al. 2020, algorithm 2) on a respaced process; x0 is not clipped.
 * `learned`: the network interpolates between log beta~ and log beta (Nichol and Dhariwal 2021, equation 15).
 * `fixed-large`: beta, as ADM's `FIXED_LARGE`.
 */
export function ddpm(steps: number, variance: 'learned' | 'fixed-large'): SamplerStep[] {
  const { timesteps, betas, alphasCumprod } = respace(steps);
  return timesteps
    .map((timestep, place) => {
      const alpha = alphasCumprod[place]!;
      const alphaNext = place === 0 ? 1 : alphasCumprod[place - 1]!;
      const beta = betas[place]!;
      const logLarge = 0.5 * Math.log(beta);
      const logSmall = 0.5 * Math.log((beta * (1 - alphaNext)) / (1 - alpha));
      return {
        timestep,
        x0: { x: 1 / Math.sqrt(alpha), noise: -Math.sqrt(1 - alpha) / Math.sqrt(alpha) },
        next: {
          x: ((1 - alphaNext) * Math.sqrt(1 - beta)) / (1 - alpha),
          x0: (beta * Math.sqrt(alphaNext)) / (1 - alpha),
          x0Before: 0,
          noise: 0,
        },
        // The last step gives the mean: there beta~ is 0.
        ...(place > 0 && {
          logDeviation: [variance === 'learned' ? logSmall : logLarge, logLarge] as const,
        }),
      };
    })
    .reverse();
}
