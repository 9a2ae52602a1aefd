import type { ProcessStep } from './noiseSchedule.js';
import { cleanFrom, type Parameterization } from './parameterization.js';
import type { SamplerStep } from './sampler.js';

/**
 * `learned`: the network interpolates between log beta~ and log beta (Nichol and Dhariwal 2021, equation 15).
 * `fixed-large`: beta, as ADM's `FIXED_LARGE`. `fixed-small`: beta~, the variance of the true posterior.
 */
export const VARIANCES = ['learned', 'fixed-large', 'fixed-small'] as const;
export type Variance = (typeof VARIANCES)[number];

export interface DdpmOptions {
  readonly variance: Variance;
  readonly predicts: Parameterization;
  /** x0 is held to [-clip, clip]. */
  readonly clip?: number | undefined;
}

/** DDPM ancestral sampling (Ho et al. 2020, algorithm 2). */
export function ddpm(
  process: readonly ProcessStep[],
  { variance, predicts, clip }: DdpmOptions,
): SamplerStep[] {
  return process.map(({ timestep, alpha, alphaNext }) => {
    const beta = 1 - alpha / alphaNext;
    const logLarge = 0.5 * Math.log(beta);
    const logSmall = 0.5 * Math.log((beta * (1 - alphaNext)) / (1 - alpha));
    const isLast = alphaNext === 1;
    return {
      timestep,
      x0: { ...cleanFrom(predicts, alpha), ...(clip !== undefined && { clip }) },
      next: {
        x: ((1 - alphaNext) * Math.sqrt(1 - beta)) / (1 - alpha),
        x0: (beta * Math.sqrt(alphaNext)) / (1 - alpha),
        x0Before: 0,
        noise: 0,
      },
      // The last step gives the mean: there beta~ is 0.
      ...(!isLast && {
        logDeviation: [
          variance === 'fixed-large' ? logLarge : logSmall,
          variance === 'fixed-small' ? logSmall : logLarge,
        ] as const,
      }),
    };
  });
}
