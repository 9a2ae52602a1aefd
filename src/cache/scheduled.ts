/**
 * The policies whose schedule is given, as a period or cell by cell:
 *
 * - `none`: every step in full
 * - `reuse`: a scattered layer returns its stored output (FORA, Selvaraju et al., arXiv 2407.01425, section 3)
 * - `calibrated`: the stored output plus Wa Wb (x - C(x)) (increment-calibrated caching, arXiv 2505.05829, equation 4);
 *   beyond the paper, with an order, against the polynomial through the last computed steps (series.ts)
 */
import { ArgumentError, requireInteger, requireOneOf } from '../errors.js';
import { MOST_TERMS } from '../models/layers/actions.js';
import type { Network } from '../models/network.js';
import { type CacheDecision, type CachedRun, type CachePolicy, DEFAULT_PERIODS } from './cachePolicy.js';
import type { Combination } from './combination.js';
import type { StepGrams } from './data/stepGrams.js';
import { DEFAULT_TERMS, fittedOf } from './fitted.js';
import { scheduleOfGrams } from './gramSchedule.js';
import { GRANULARITIES, type Granularity, Schedule, scheduleLayers } from './schedule.js';
import { seriesOf } from './series.js';

export const SCHEDULED_POLICIES = ['none', 'reuse', 'calibrated'] as const;

/** One of `schedule`, `gatherSteps`, `rule` and `period`, of which the first given counts. */
export interface ScheduleParameters {
  /** Gather everything at every `period`-th step. Default 2. */
  readonly period?: number | undefined;
  /** Gather everything at these steps, step 0 among them. */
  readonly gatherSteps?: readonly number[] | undefined;
  /** Gather where this rule says so; step 0 always gathers. */
  readonly rule?: ((step: number, layer: string) => boolean) | undefined;
  /** Columns of G and S for `rule`. Default `linear`. */
  readonly granularity?: Granularity | undefined;
  /** G and S as given. */
  readonly schedule?: Schedule | undefined;
  /** For policy `calibrated`: calibrate against the polynomial of this order through the last computed steps. Default 0, the last one. */
  readonly order?: number | undefined;
  /** For policy `calibrated`: calibrate against fitted combinations of the last computed steps (fitted.ts), `terms` of them. */
  readonly fits?: StepGrams | undefined;
  readonly terms?: number | undefined;
  /** And with them: compute so many steps, where forecasts between them miss least (gramSchedule.ts). */
  readonly computed?: number | undefined;
}

export class Scheduled implements CachePolicy {
  constructor(
    readonly name: (typeof SCHEDULED_POLICIES)[number],
    readonly parameters: ScheduleParameters,
  ) {}

  decide(run: CachedRun): CacheDecision {
    const scattered = this.name === 'calibrated' ? 'calibrate' : 'reuse';
    const { order = 0 } = this.parameters;
    requireInteger('order', order, 0, MOST_TERMS - 1);
    const combination = this.name === 'calibrated' ? this.#combination(order) : undefined;
    return {
      schedule: this.#schedule(run),
      scatter: () => scattered,
      ...(combination && { combination }),
    };
  }

  #combination(order: number): Combination | undefined {
    const { fits, terms } = this.parameters;
    if (fits && order > 0) throw new ArgumentError('order', order, '0 with fits, which have terms instead');
    if (!fits && terms !== undefined)
      throw new ArgumentError('fits', fits, 'measured fits of this model, of which terms are taken');
    if (fits) return fittedOf('calibrate', terms ?? DEFAULT_TERMS, fits);
    return order > 0 ? seriesOf('calibrate', order, 'newton') : undefined;
  }

  #schedule({ network, steps }: CachedRun): Schedule {
    const { period, gatherSteps, rule, granularity = 'linear', schedule, fits, computed } = this.parameters;
    requireOneOf('granularity', granularity, GRANULARITIES);
    const layers = scheduleLayers(network, granularity);
    if (this.name === 'none') return Schedule.fromPeriod(layers, steps, 1);
    if (schedule) return fitting(schedule, network, steps);
    if (computed !== undefined && !fits)
      throw new ArgumentError('fits', fits, 'measured fits of this model, which choose the computed steps');
    if (fits && computed !== undefined)
      return Schedule.fromSteps(layers, steps, scheduleOfGrams(fits, 'calibrate', computed));
    if (gatherSteps) return Schedule.fromSteps(layers, steps, gatherSteps);
    if (rule !== undefined && typeof rule !== 'function')
      throw new ArgumentError('rule', rule, 'a function of step and layer');
    if (rule) return Schedule.fromRule(layers, steps, rule);
    return Schedule.fromPeriod(layers, steps, period ?? DEFAULT_PERIODS[this.name]!);
  }
}

function fitting(schedule: Schedule, network: Network, steps: number): Schedule {
  requireLayers(schedule.layers, network);
  if (schedule.steps !== steps)
    throw new ArgumentError(
      'schedule',
      `${schedule.steps} steps long`,
      `${steps} steps, as the sampler takes`,
    );
  return schedule;
}

/** A column of no layer would be ignored, and so would all but one of the same name. */
function requireLayers(names: readonly string[], network: Network): void {
  const known = new Set(GRANULARITIES.flatMap((granularity) => scheduleLayers(network, granularity)));
  for (const [column, name] of names.entries()) {
    const expected = known.has(name)
      ? 'no layer twice'
      : `a layer of this model of ${network.blocks.length} blocks`;
    if (!known.has(name) || names.indexOf(name) !== column)
      throw new ArgumentError(`schedule.layers[${column}]`, name, expected);
  }
}
