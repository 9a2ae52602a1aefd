/**
 * The policies whose schedule is given, as a period or cell by cell:
 *
 * - `none`: every step in full
 * - `reuse`: a scattered layer returns its stored output (FORA, Selvaraju et al., arXiv 2407.01425, section 3)
 * - `calibrated`: the stored output plus Wa Wb (x - C(x)) (increment-calibrated caching, arXiv 2505.05829, equation 4);
 *   beyond the paper, with order 1, against the line through the last two stored steps (line.ts)
 */
import { ArgumentError, requireInteger, requireOneOf } from '../errors.js';
import { type CacheDecision, type CachedRun, type CachePolicy, DEFAULT_PERIODS } from './cachePolicy.js';
import { GRANULARITIES, type Granularity, Schedule, scheduleLayers } from './schedule.js';

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
  /** Of `calibrated`: 1 to calibrate against the line through the last two stored steps, not the last one. Default 0. */
  readonly order?: number | undefined;
}

export class Scheduled implements CachePolicy {
  constructor(
    readonly name: (typeof SCHEDULED_POLICIES)[number],
    readonly parameters: ScheduleParameters,
  ) {}

  decide(run: CachedRun): CacheDecision {
    const scattered = this.name === 'calibrated' ? 'calibrate' : 'reuse';
    const { order = 0 } = this.parameters;
    requireInteger('order', order, 0, 1);
    const line = order === 1 && this.name === 'calibrated';
    return { schedule: this.#schedule(run), scatter: () => scattered, line };
  }

  #schedule({ config: { depth }, steps }: CachedRun): Schedule {
    const { period, gatherSteps, rule, granularity = 'linear', schedule } = this.parameters;
    requireOneOf('granularity', granularity, GRANULARITIES);
    const layers = scheduleLayers(depth, granularity);
    if (this.name === 'none') return Schedule.fromPeriod(layers, steps, 1);
    if (schedule) return fitting(schedule, depth, steps);
    if (gatherSteps) return Schedule.fromSteps(layers, steps, gatherSteps);
    if (rule !== undefined && typeof rule !== 'function')
      throw new ArgumentError('rule', rule, 'a function of step and layer');
    if (rule) return Schedule.fromRule(layers, steps, rule);
    return Schedule.fromPeriod(layers, steps, period ?? DEFAULT_PERIODS[this.name]!);
  }
}

function fitting(schedule: Schedule, depth: number, steps: number): Schedule {
  requireLayers(schedule.layers, depth);
  if (schedule.steps !== steps)
    throw new ArgumentError(
      'schedule',
      `${schedule.steps} steps long`,
      `${steps} steps, as the sampler takes`,
    );
  return schedule;
}

/** A column of no layer would be ignored, and so would all but one of the same name. */
function requireLayers(names: readonly string[], depth: number): void {
  const known = new Set(GRANULARITIES.flatMap((granularity) => scheduleLayers(depth, granularity)));
  for (const [column, name] of names.entries()) {
    const expected = known.has(name) ? 'no layer twice' : `a layer of this model of ${depth} blocks`;
    if (!known.has(name) || names.indexOf(name) !== column)
      throw new ArgumentError(`schedule.layers[${column}]`, name, expected);
  }
}
