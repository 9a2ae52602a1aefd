/**
 * A mixture in the manner of MixCache (arXiv 2508.12691), finer and decided beforehand: for every sublayer and step one
 * of compute, reuse and calibrate, so that the sum of the errors measured of each sublayer alone is least under a
 * budget of MACs. MixCache chooses between granularities while it samples.
 */
import { decideWithin, requireBudget } from './budgeted.js';
import type { CacheDecision, CachedRun, CachePolicy } from './cachePolicy.js';
import type { MeasuredErrors } from './measuredErrors.js';

export class Mixed implements CachePolicy {
  readonly name = 'mixed';

  /** Throws an `ArgumentError` unless `budget` is from 0 to 1. */
  constructor(
    readonly errors: MeasuredErrors,
    /** MACs of the steps, as a share of those without a cache. */
    readonly budget: number,
  ) {
    requireBudget(budget);
  }

  decide(run: CachedRun): CacheDecision {
    const { errors } = this;
    return decideWithin(this.budget, errors, run, {
      partOf: Array.from({ length: 2 * run.config.depth }, (_, sublayer) => sublayer),
      error: (kind, step, gap, sublayer) => errors.sublayerError(kind, step, gap, sublayer),
    });
  }
}
