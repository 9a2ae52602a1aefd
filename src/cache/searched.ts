/**
 * A searched schedule, after CEM (Shao et al., arXiv 2512.23258): the error of caching at every (step, gap) is measured
 * once, and dynamic programming finds which steps to compute in full, and which of the others to calibrate rather than
 * reuse, so that the sum of errors is least under a budget of MACs.
 */
import { decideWithin, requireBudget } from './budgeted.js';
import type { CacheDecision, CachedRun, CachePolicy } from './cachePolicy.js';
import type { MeasuredErrors } from './measuredErrors.js';

export class Searched implements CachePolicy {
  readonly name = 'searched';

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
      partOf: new Array<number>(2 * run.config.depth).fill(0),
      error: (kind, step, gap) => errors.stepError(kind, step, gap),
    });
  }
}
