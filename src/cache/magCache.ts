/**
 * MagCache (Ma et al., arXiv 2506.09045): what all blocks add changes in size by g(t), the mean over tokens of |r(t)| / |r(t - 1)|,
 * nearly alike for all images, so it is measured in one run. Since the last computed step R is the product of g, E the sum of |1 - R|
 * and n the steps; while E and n are within their limits r is added again. All is decided by the measurement.
 */
import { IncacheError, requireInteger, requireNumber } from '../errors.js';
import type { StepCut } from '../models/stepPlans.js';
import type { StepGrams } from './data/stepGrams.js';
import type { Gate, GatedPolicy } from './gatedPolicy.js';

export interface MagCacheParameters {
  readonly fits: StepGrams;
  /** The most that E may be. Default 0.06. */
  readonly threshold?: number | undefined;
  /** Cached steps in a row at most. Default 3. */
  readonly maxCached?: number | undefined;
  /** Steps at the start that are computed in full. Default: a fifth of all. */
  readonly warmup?: number | undefined;
}

export class MagCache implements GatedPolicy {
  readonly name = 'magcache';
  readonly threshold: number;
  readonly maxCached: number;
  readonly warmup: number;
  readonly magnitudes: readonly number[];

  constructor({ fits, threshold = 0.06, maxCached = 3, warmup }: MagCacheParameters) {
    requireNumber('threshold', threshold, 0);
    requireInteger('maxCached', maxCached, 1);
    if (!fits.info.magnitudes)
      throw new IncacheError('the fits have no magnitudes of residuals; measure them anew with incache fit');
    this.warmup = warmup ?? Math.max(1, Math.ceil(fits.steps / 5));
    if (warmup !== undefined) requireInteger('warmup', warmup, 1);
    this.threshold = threshold;
    this.maxCached = maxCached;
    this.magnitudes = fits.info.magnitudes;
  }

  cut(depth: number): StepCut {
    return { signal: 'input', sections: [{ first: 0, end: depth }] };
  }

  start(): Gate {
    let [ratio, error, inRow] = [1, 0, 0];
    return {
      caches: (step) => {
        ratio *= this.magnitudes[step]!;
        error += Math.abs(1 - ratio);
        inRow++;
        const within = error <= this.threshold && inRow <= this.maxCached;
        const cached = this.threshold > 0 && step >= this.warmup && within;
        if (!cached) [ratio, error, inRow] = [1, 0, 0];
        return cached;
      },
    };
  }
}
