/** What the network predicts, as the samplers take it. */
import type { Prediction } from './sampler.js';

export interface PredictionGeometry {
  readonly images: number;
  /** Channels of the latents; the output has as many, or twice as many with learned sigma. */
  readonly channels: number;
  /** Height times width. */
  readonly pixels: number;
  readonly learnSigma: boolean;
}

/** Splits an output (images x out channels x pixels) into its noise and variance channels. */
export function splitPrediction(output: Float32Array, geometry: PredictionGeometry): Prediction {
  if (!geometry.learnSigma) return { noise: output };
  const size = geometry.channels * geometry.pixels;
  const noise = new Float32Array(geometry.images * size);
  const variance = new Float32Array(geometry.images * size);
  for (let image = 0; image < geometry.images; image++) {
    const start = 2 * image * size;
    noise.set(output.subarray(start, start + size), image * size);
    variance.set(output.subarray(start + size, start + 2 * size), image * size);
  }
  return { noise, variance };
}
