/** `incache/evaluate` in browsers: how pictures, latents and sets of features differ. */

// Between two pictures or latents.
export { meanPsnr, psnr } from './psnr.js';
export { RelativeL2, relativeL2 } from './relativeL2.js';
export { type PictureSize, ssim } from './ssim.js';

// Between two sets of images.
export { frechetDistance } from './frechet.js';
export { type Gaussian, GaussianAccumulator } from './gaussian.js';
export {
  InceptionScore,
  type InceptionScoreOptions,
  type InceptionScoreResult,
  softmax,
} from './inceptionScore.js';
export { type FeatureRows, type PrecisionRecall, precisionRecall } from './precisionRecall.js';

// What images are measured against.
export type { Pictures } from './pictures.js';
export { loadReference, measureReference, type Reference } from './reference.js';
export { readStatistics, type SetStatistics, writeStatistics } from './statisticsFile.js';
