import { ArgumentError, requireInteger } from '../errors.js';
import type { Sampler } from './sampler.js';

/**
 * The same sampler, with an `ArgumentError` for steps that it does not have and for noise and predictions
 * of another length than the latents: without it they would turn into NaN unseen.
 */
export function checkedSampler(sampler: Sampler): Sampler {
  return {
    ...sampler,
    start: (noise) => {
      let length = 0;
      const run = sampler.start((step) => requireLength('noise', noise(step), length));
      return {
        advance(step, latents, prediction) {
          length = latents.length;
          requireInteger('step', step, 0, sampler.timesteps.length - 1);
          requireLength('prediction.noise', prediction.noise, length);
          if (sampler.needsVariance) requireLength('prediction.variance', prediction.variance, length);
          run.advance(step, latents, prediction);
        },
      };
    },
  };
}

function requireLength(argument: string, values: Float32Array | undefined, length: number): Float32Array {
  if (values?.length === length) return values;
  throw new ArgumentError(
    argument,
    values && `${values.length} values`,
    `${length} values, as many as the latents have`,
  );
}
