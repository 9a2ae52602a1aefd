import { respace } from './noiseSchedule.js';
import type { Sampler } from './sampler.js';

/**
 * DDPM ancestral sampling (Ho et al. 2020, algorithm 2) on a respaced process; x0 is not clipped.
 * `learned`: the network interpolates between log beta~ and log beta (Nichol and Dhariwal 2021, equation 15).
 * `fixed-large`: beta, as ADM's `FIXED_LARGE`.
 */
export function ddpm(steps: number, variance: 'learned' | 'fixed-large'): Sampler {
  const { timesteps, betas, alphasCumprod } = respace(steps);
  return {
    name: 'ddpm',
    timesteps: [...timesteps].reverse(),
    needsVariance: variance === 'learned',
    start: (noise) => ({
      advance(step, latents, prediction) {
        const place = steps - 1 - step;
        const alpha = alphasCumprod[place]!;
        const alphaNext = place === 0 ? 1 : alphasCumprod[place - 1]!;
        const beta = betas[place]!;
        const x0Weight = (beta * Math.sqrt(alphaNext)) / (1 - alpha);
        const xWeight = ((1 - alphaNext) * Math.sqrt(1 - beta)) / (1 - alpha);
        const logLarge = Math.log(beta);
        const logSmall = Math.log((beta * (1 - alphaNext)) / (1 - alpha));
        const deviation = (i: number) => {
          const share = variance === 'learned' ? (prediction.variance![i]! + 1) / 2 : 1;
          return Math.exp(0.5 * (share * logLarge + (1 - share) * logSmall));
        };
        // The last step gives the mean: there beta~ is 0.
        const fresh = place > 0 ? noise(step) : undefined;
        for (let i = 0; i < latents.length; i++) {
          const x = latents[i]!;
          const x0 = (x - Math.sqrt(1 - alpha) * prediction.noise[i]!) / Math.sqrt(alpha);
          latents[i] = x0Weight * x0 + xWeight * x + (fresh ? deviation(i) * fresh[i]! : 0);
        }
      },
    }),
  };
}
