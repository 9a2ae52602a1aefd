import { respace } from './noiseSchedule.js';
import type { SamplerStep } from './sampler.js';

/** DDIM (Song et al. 2021, equation 12) on a respaced process; x0 is not clipped. */
export function ddim(steps: number, eta: number): SamplerStep[] {
  const { timesteps, alphasCumprod } = respace(steps);
  return timesteps
    .map((timestep, place) => {
      const alpha = alphasCumprod[place]!;
      const alphaNext = place === 0 ? 1 : alphasCumprod[place - 1]!;
      const sigma = eta * Math.sqrt(((1 - alphaNext) / (1 - alpha)) * (1 - alpha / alphaNext));
      return {
        timestep,
        x0: { x: 1 / Math.sqrt(alpha), noise: -Math.sqrt(1 - alpha) / Math.sqrt(alpha) },
        next: { x: 0, x0: Math.sqrt(alphaNext), x0Before: 0, noise: Math.sqrt(1 - alphaNext - sigma ** 2) },
        ...(sigma > 0 && { logDeviation: [Math.log(sigma), Math.log(sigma)] as const }),
      };
    })
    .reverse();
}
