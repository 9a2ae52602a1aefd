/**
 * TeaCache (Liu et al., arXiv 2411.19108, section 3.3): the relative L1 change of the first block's modulated input from
 * step to step, through a polynomial fitted for the model, is summed up; while the sum is below a threshold the step is
 * cached: what the blocks added at the last computed step is added again. The first and the last step are always
 * computed, as in the authors' code.
 */
import { ArgumentError } from '../errors.js';
import type { StepCut } from '../models/stepPlans.js';
import {
  type Gate,
  type GatedPolicy,
  type GatedRun,
  type GateParameters,
  requireGate,
} from './gatedPolicy.js';

export interface TeaCacheParameters extends GateParameters {
  /** Coefficients, that of the highest power first. Default: the identity, 1, 0. */
  readonly polynomial?: readonly number[] | undefined;
}

export class TeaCache implements GatedPolicy {
  readonly name = 'teacache';
  readonly threshold: number;
  readonly warmup: number;
  readonly polynomial: readonly number[];

  constructor({ threshold, warmup = 1, polynomial = [1, 0] }: TeaCacheParameters) {
    requireGate(threshold, warmup);
    if (!Array.isArray(polynomial) || polynomial.length === 0 || !polynomial.every(Number.isFinite))
      throw new ArgumentError('polynomial', polynomial, 'one or more finite coefficients');
    this.threshold = threshold;
    this.warmup = warmup;
    this.polynomial = polynomial;
  }

  cut(depth: number): StepCut {
    return { signal: 'modulatedInput', sections: [{ first: 0, end: depth }] };
  }

  start({ steps }: GatedRun): Gate {
    let sum = 0;
    return {
      caches: (step, _section, change) => {
        sum += this.#rescaled(change);
        const cached = step >= this.warmup && step < steps - 1 && sum < this.threshold;
        if (!cached) sum = 0;
        return cached;
      },
    };
  }

  #rescaled(change: number): number {
    return this.polynomial.reduce((value, coefficient) => value * change + coefficient, 0);
  }
}
