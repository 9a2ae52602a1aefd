/**
 * FastCache (Liu et al., arXiv 2505.20353, section 3.2): block by block, a test of whether the block's input has changed by
 * more than noise. Under noise of relative size s the squared relative change d^2 (Frobenius), over s^2 and times the
 * number of elements, is distributed as chi-square with as many degrees of freedom; below the quantile the block is
 * cached. The published code lets s be 1, which any change passes: here it is the threshold.
 *
 * The change is taken since the block was last computed, not since the step before, so that it adds up, and a cached
 * block adds what it last added to the residual stream. The paper has a linear map of its input instead: fitted by least
 * squares on the embedded model it is up to seven times as wrong (docs/policies.md). The paper's second half, which
 * leaves out tokens that do not move, is not done.
 */
import type { StepCut } from '../models/stepPlans.js';
import {
  type Gate,
  type GatedPolicy,
  type GatedRun,
  type GateParameters,
  requireGate,
} from './gatedPolicy.js';

/** Quantile of the standard normal distribution, as published: 97.5 % lie below. */
const QUANTILE = 1.96;

export class FastCache implements GatedPolicy {
  readonly name = 'fastcache';
  readonly threshold: number;
  readonly warmup: number;

  constructor({ threshold, warmup = 1 }: GateParameters) {
    requireGate(threshold, warmup);
    this.threshold = threshold;
    this.warmup = warmup;
  }

  cut(depth: number): StepCut {
    const sections = Array.from({ length: depth }, (_, block) => ({ first: block, end: block + 1 }));
    return { signal: 'input', sections };
  }

  start({ elements }: GatedRun): Gate {
    // The chi-square quantile of so many degrees of freedom by its normal approximation.
    const quantile = elements + QUANTILE * Math.sqrt(2 * elements);
    const bound = this.threshold * Math.sqrt(quantile / elements);
    return { caches: (step, _block, change) => step >= this.warmup && change < bound };
  }
}
