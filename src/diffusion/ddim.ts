import type { ProcessStep } from './noiseSchedule.js';
import { cleanFrom, noiseFrom, type Parameterization } from './parameterization.js';
import type { SamplerStep } from './sampler.js';

export interface DdimOptions {
  readonly eta: number;
  readonly predicts: Parameterization;
  /** x0 is held to [-clip, clip]; the direction to x keeps the noise as it was predicted. */
  readonly clip?: number | undefined;
}

/** DDIM (Song et al. 2021, equation 12). */
export function ddim(process: readonly ProcessStep[], { eta, predicts, clip }: DdimOptions): SamplerStep[] {
  return process.map(({ timestep, alpha, alphaNext }) => {
    const sigma = eta * Math.sqrt(((1 - alphaNext) / (1 - alpha)) * (1 - alpha / alphaNext));
    const direction = Math.sqrt(Math.max(0, 1 - alphaNext - sigma ** 2));
    const noise = noiseFrom(predicts, alpha);
    return {
      timestep,
      x0: { ...cleanFrom(predicts, alpha), ...(clip !== undefined && { clip }) },
      next: {
        x: direction * noise.x,
        x0: Math.sqrt(alphaNext),
        x0Before: 0,
        noise: direction * noise.noise,
      },
      ...(sigma > 0 && { logDeviation: [Math.log(sigma), Math.log(sigma)] as const }),
    };
  });
}
