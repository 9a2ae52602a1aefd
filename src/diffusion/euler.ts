import { cleanFrom, noiseFrom, type Parameterization } from './parameterization.js';
import type { SamplerStep } from './sampler.js';

/** A noise level of the variance-exploding process: x0 + sigma noise. */
export interface SigmaPoint {
  readonly timestep: number;
  readonly sigma: number;
}

/**
 * Euler's method on the probability flow, dx / dsigma = noise (Karras et al. 2022, algorithm 2 without churn). Latents
 * are kept as the network takes them, divided by sqrt(sigma^2 + 1); those of the last step are x itself.
 * last: the noise level at which sampling ends.
 */
export function euler(
  points: readonly SigmaPoint[],
  last: number,
  predicts: Parameterization,
): SamplerStep[] {
  return points.map(({ timestep, sigma }, step) => {
    const following = points[step + 1];
    const scale = Math.hypot(sigma, 1);
    const scaleNext = following ? Math.hypot(following.sigma, 1) : 1;
    const change = ((following?.sigma ?? last) - sigma) / scaleNext;
    const alpha = 1 / scale ** 2;
    const noise = noiseFrom(predicts, alpha);
    return {
      timestep,
      x0: cleanFrom(predicts, alpha),
      next: {
        x: scale / scaleNext + change * noise.x,
        x0: 0,
        x0Before: 0,
        noise: change * noise.noise,
      },
    };
  });
}
