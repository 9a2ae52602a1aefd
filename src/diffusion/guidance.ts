import { ArgumentError, requireInteger, requireNumber } from '../errors.js';
import { type PredictionGeometry, splitPrediction } from './prediction.js';
import type { Prediction } from './sampler.js';

export interface GuidanceOptions extends PredictionGeometry {
  /** Guidance scale s, for all images or one for each. */
  readonly scale: number | readonly number[];
  /** Noise channels that are guided; the rest are those of the conditional rows. */
  readonly guidanceChannels: number;
}

/**
 * Classifier-free guidance (Ho and Salimans 2022): uncond + s (cond - uncond) on the first noise channels.
 * output: conditional rows, then as many unconditional ones, 2 images x out channels x pixels, the order of
 * `forward_with_cfg` in Meta's DiT, which guides three channels. Variances are the conditional rows'.
 * Throws an `ArgumentError` for an output of another size and for more guided channels than there are.
 */
export function guide(output: Float32Array, options: GuidanceOptions): Prediction {
  const { images, channels, pixels, learnSigma, scale, guidanceChannels } = options;
  const scales = typeof scale === 'number' ? Array.from({ length: images }, () => scale) : scale;
  if (scales.length !== images)
    throw new ArgumentError('scale', `${scales.length} numbers`, `one for each of ${images} images`);
  for (const each of scales) requireNumber('scale', each);
  requireInteger('guidanceChannels', guidanceChannels, 0, channels);
  const sequence = (learnSigma ? 2 : 1) * channels * pixels;
  if (output.length !== 2 * images * sequence)
    throw new ArgumentError(
      'output',
      `${output.length} values`,
      `${2 * images * sequence} for ${images} guided images`,
    );
  const half = images * sequence;
  const conditional = output.slice(0, half);
  for (let image = 0; image < images; image++) {
    const start = image * sequence;
    const own = scales[image]!;
    for (let i = start; i < start + guidanceChannels * pixels; i++) {
      const uncond = output[half + i]!;
      conditional[i] = uncond + own * (output[i]! - uncond);
    }
  }
  return splitPrediction(conditional, options);
}

/** The latents of the images, once for their conditional and once for their unconditional sequences. */
export function bothBranches(latents: Float32Array): Float32Array {
  const both = new Float32Array(2 * latents.length);
  both.set(latents);
  both.set(latents, latents.length);
  return both;
}
