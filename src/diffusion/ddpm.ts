import { IncacheError } from '../errors.js';
import { respace } from './noiseSchedule.js';
import type { Sampler } from './sampler.js';

/**
 * DDPM ancestral sampling (Ho et al. 2020, algorithm 2) on a respaced process; x0 is not clipped.
 * `learned`: the network interpolates between log beta~ and log beta (Nichol and Dhariwal 2021, equation 15).
 * `fixed-large`: beta, and at the last step beta~ of the one before, as in ADM's `FIXED_LARGE`.
 */
export function ddpm(steps: number, variance: 'learned' | 'fixed-large'): Sampler {
  const { timesteps, betas, alphasCumprod } = respace(steps);
  const previous = (place: number) => (place === 0 ? 1 : alphasCumprod[place - 1]!);
  const posterior = betas.map((beta, place) => (beta * (1 - previous(place))) / (1 - alphasCumprod[place]!));
  // The first entry is 0: its logarithm is taken from the next one.
  const logPosterior = posterior.map((_, place) =>
    Math.log(posterior[Math.max(place, Math.min(1, steps - 1))]!),
  );
  const logLarge = betas.map((beta, place) => (place === 0 ? logPosterior[0]! : Math.log(beta)));
  return {
    name: 'ddpm',
    timesteps: [...timesteps].reverse(),
    needsVariance: variance === 'learned',
    start: (noise) => ({
      advance(step, latents, prediction) {
        if (variance === 'learned' && !prediction.variance)
          throw new IncacheError('ddpm with learned variance needs a prediction with a variance');
        const place = steps - 1 - step;
        const alpha = alphasCumprod[place]!;
        const beta = betas[place]!;
        const x0Weight = (beta * Math.sqrt(previous(place))) / (1 - alpha);
        const xWeight = ((1 - previous(place)) * Math.sqrt(1 - beta)) / (1 - alpha);
        const fresh = place > 0 ? noise(step) : undefined;
        for (let i = 0; i < latents.length; i++) {
          const x = latents[i]!;
          const x0 = (x - Math.sqrt(1 - alpha) * prediction.noise[i]!) / Math.sqrt(alpha);
          const mean = x0Weight * x0 + xWeight * x;
          if (!fresh) {
            latents[i] = mean;
            continue;
          }
          const large = variance === 'learned' ? (prediction.variance![i]! + 1) / 2 : 1;
          const logSmall = variance === 'learned' ? logPosterior[place]! : 0;
          const logBig = variance === 'learned' ? Math.log(beta) : logLarge[place]!;
          latents[i] = mean + Math.exp(0.5 * (large * logBig + (1 - large) * logSmall)) * fresh[i]!;
        }
      },
    }),
  };
}
