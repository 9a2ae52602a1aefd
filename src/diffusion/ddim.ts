import { respace } from './noiseSchedule.js';
import type { Sampler } from './sampler.js';

/** DDIM (Song et al. 2021, equation 12) on a respaced process; x0 is not clipped. */
export function ddim(steps: number, eta: number): Sampler {
  const { timesteps, alphasCumprod } = respace(steps);
  return {
    name: 'ddim',
    timesteps: [...timesteps].reverse(),
    needsVariance: false,
    start: (noise) => ({
      advance(step, latents, { noise: predicted }) {
        const place = steps - 1 - step;
        const alpha = alphasCumprod[place]!;
        const alphaNext = place === 0 ? 1 : alphasCumprod[place - 1]!;
        const sigma = eta * Math.sqrt(((1 - alphaNext) / (1 - alpha)) * (1 - alpha / alphaNext));
        const fresh = sigma > 0 ? noise(step) : undefined;
        const direction = Math.sqrt(1 - alphaNext - sigma ** 2);
        for (let i = 0; i < latents.length; i++) {
          const epsilon = predicted[i]!;
          const x0 = (latents[i]! - Math.sqrt(1 - alpha) * epsilon) / Math.sqrt(alpha);
          latents[i] = Math.sqrt(alphaNext) * x0 + direction * epsilon + (fresh ? sigma * fresh[i]! : 0);
        }
      },
    }),
  };
}
