/**
 * TaylorSeer (Liu et al., arXiv 2503.06923, section 3.2): every sublayer's output is kept at the computed steps, and at
 * the steps between continued by the published Taylor series, or by another polynomial (series.ts).
 */
import { requireInteger, requireOneOf } from '../errors.js';
import { MOST_TERMS } from '../models/layers/actions.js';
import { type CacheDecision, type CachedRun, type CachePolicy, DEFAULT_PERIODS } from './cachePolicy.js';
import { Schedule, scheduleLayers } from './schedule.js';
import { SERIES_BASES, type SeriesBasis, seriesOf } from './series.js';

export interface TaylorSeerParameters {
  /** Steps from one computed step to the next. Default 3. */
  readonly period?: number | undefined;
  /** Instead of `period` and `warmup`: compute these steps in full, step 0 among them. */
  readonly gatherSteps?: readonly number[] | undefined;
  /** Order of the series, as far as there are differences yet. Default 1. */
  readonly order?: number | undefined;
  /** Default `taylor`, the published form. */
  readonly basis?: SeriesBasis | undefined;
  /** Steps at the start that are computed in full. Default 2. */
  readonly warmup?: number | undefined;
}

export class TaylorSeer implements CachePolicy {
  readonly name = 'taylorseer';
  readonly period: number;
  readonly order: number;
  readonly basis: SeriesBasis;
  readonly warmup: number;
  readonly gatherSteps: readonly number[] | undefined;

  constructor({
    period = DEFAULT_PERIODS.taylorseer!,
    gatherSteps,
    order = 1,
    basis = 'taylor',
    warmup = 2,
  }: TaylorSeerParameters) {
    requireInteger('period', period, 1);
    requireInteger('order', order, 0, MOST_TERMS - 1);
    requireOneOf('basis', basis, SERIES_BASES);
    requireInteger('warmup', warmup, 1);
    this.period = period;
    this.order = order;
    this.basis = basis;
    this.warmup = warmup;
    this.gatherSteps = gatherSteps;
  }

  decide(run: CachedRun): CacheDecision {
    return {
      schedule: extrapolationSchedule(run, this),
      scatter: () => 'reuse',
      ...(this.order > 0 && { combination: seriesOf('reuse', this.order, this.basis) }),
    };
  }
}

/** The steps at the start in full, and every `period`-th one behind them; or those that are given. */
export function extrapolationSchedule(
  { network, steps }: CachedRun,
  {
    period,
    warmup,
    gatherSteps,
  }: { period: number; warmup: number; gatherSteps?: readonly number[] | undefined },
): Schedule {
  const layers = scheduleLayers(network, 'sublayer');
  if (gatherSteps) return Schedule.fromSteps(layers, steps, gatherSteps);
  const last = warmup - 1;
  return Schedule.fromRule(layers, steps, (step) => step <= last || (step - last) % period === 0);
}
