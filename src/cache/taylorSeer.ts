/**
 * TaylorSeer (Liu et al., arXiv 2503.06923, section 3.2): every sublayer's output is kept with its finite differences over
 * the computed steps, and at the steps between extrapolated as a Taylor series. What a step extrapolates is the output
 * itself, for which no input is needed: increments need those of the linears (line.ts).
 */
import { requireInteger, requireOneOf } from '../errors.js';
import { MOST_ORDER } from '../models/layers/actions.js';
import { type CacheDecision, type CachedRun, type CachePolicy, DEFAULT_PERIODS } from './cachePolicy.js';
import { Schedule, scheduleLayers } from './schedule.js';
import { SERIES_BASES, type SeriesBasis } from './series.js';

export interface TaylorSeerParameters {
  /** Steps from one computed step to the next. Default 3. */
  readonly period?: number | undefined;
  /** Instead of `period` and `warmup`: compute these steps in full, step 0 among them. */
  readonly gatherSteps?: readonly number[] | undefined;
  /** Of the series, as far as there are differences yet. Default 1. */
  readonly order?: number | undefined;
  /** Default `newton`; `taylor` is the published form. */
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
    basis = 'newton',
    warmup = 2,
  }: TaylorSeerParameters) {
    requireInteger('period', period, 1);
    requireInteger('order', order, 0, MOST_ORDER);
    requireOneOf('basis', basis, SERIES_BASES);
    requireInteger('warmup', warmup, 1);
    this.period = period;
    this.order = order;
    this.basis = basis;
    this.warmup = warmup;
    this.gatherSteps = gatherSteps;
  }

  decide({ config, steps }: CachedRun): CacheDecision {
    const layers = scheduleLayers(config.depth, 'sublayer');
    const last = this.warmup - 1;
    const schedule = this.gatherSteps
      ? Schedule.fromSteps(layers, steps, this.gatherSteps)
      : Schedule.fromRule(layers, steps, (step) => step <= last || (step - last) % this.period === 0);
    return { schedule, scatter: () => 'reuse', series: { order: this.order, basis: this.basis } };
  }
}
