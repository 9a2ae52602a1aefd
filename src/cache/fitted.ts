/**
 * Fitted coefficients (after L2P, arXiv 2604.26365): what computed steps kept is combined by least squares over other runs, in
 * place of a polynomial. The paper combines the last layer's output of all steps before, trained by gradient descent; here
 * it is that of every sublayer at the last computed steps, in closed form (fitCoefficients.ts).
 */
import { requireInteger } from '../errors.js';
import { MOST_TERMS } from '../models/layers/actions.js';
import type { Layer } from '../models/network.js';
import { type CacheDecision, type CachedRun, type CachePolicy, DEFAULT_PERIODS } from './cachePolicy.js';
import type { Combination } from './combination.js';
import type { StepGrams } from './data/stepGrams.js';
import { fitCoefficients } from './fitCoefficients.js';
import { scheduleOfGrams } from './gramSchedule.js';
import { extrapolationSchedule } from './taylorSeer.js';

/** Computed steps that fitted coefficients are of, where nothing is said about it. */
export const DEFAULT_TERMS = 3;

export interface FittedParameters {
  readonly fits: StepGrams;
  /** Computed steps that are combined, as far as there are so many yet. Default 3. */
  readonly terms?: number | undefined;
  /** Steps from one computed step to the next. Default 3. */
  readonly period?: number | undefined;
  /** Instead of `period` and `warmup`: compute these steps in full, step 0 among them. */
  readonly gatherSteps?: readonly number[] | undefined;
  /** Or compute so many steps, where the forecasts between them miss least (gramSchedule.ts). */
  readonly computed?: number | undefined;
  /** Steps at the start that are computed in full. Default 2. */
  readonly warmup?: number | undefined;
}

/** Sublayers' outputs, continued by fitted coefficients. */
export class Fitted implements CachePolicy {
  readonly name = 'fitted';
  readonly combination: Combination;
  readonly period: number;
  readonly warmup: number;
  readonly gatherSteps: readonly number[] | undefined;

  constructor({
    fits,
    terms = DEFAULT_TERMS,
    period = DEFAULT_PERIODS.fitted!,
    gatherSteps,
    computed,
    warmup = 2,
  }: FittedParameters) {
    requireInteger('period', period, 1);
    requireInteger('warmup', warmup, 1);
    this.combination = fittedOf('reuse', terms, fits);
    this.period = period;
    this.warmup = warmup;
    this.gatherSteps =
      gatherSteps ?? (computed === undefined ? undefined : scheduleOfGrams(fits, 'reuse', computed));
  }

  decide(run: CachedRun): CacheDecision {
    return {
      schedule: extrapolationSchedule(run, this),
      scatter: () => 'reuse',
      combination: this.combination,
    };
  }
}

/**
 * Continues what is reused by sublayers' outputs, what is calibrated by the inputs of linears: there the outputs follow,
 * since coefficients sum to 1.
 */
export function fittedOf(of: Combination['of'], terms: number, grams: StepGrams): Combination {
  requireInteger('terms', terms, 1, MOST_TERMS);
  const feature = of === 'reuse' ? outputOf : inputOf;
  const known = new Map<string, readonly number[]>();
  return {
    of,
    terms,
    coefficients(step, past, layer) {
      const key = `${feature(layer)} ${step} ${past}`;
      if (!known.has(key)) {
        const { coefficients } = fitCoefficients({ gram: grams.gram(feature(layer)), step, past });
        known.set(key, coefficients);
      }
      return known.get(key)!;
    },
  };
}

/** The layers of a group have one input. */
export function inputOf({ group }: Layer): string {
  return `${group}.input`;
}

export function outputOf({ name }: Layer): string {
  return `${name}.output`;
}
