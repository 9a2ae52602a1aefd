/**
 * Pyramid attention broadcast (PAB, Zhao et al., arXiv 2408.12588, sections 3.2 and 3.3): attention changes least in the middle of
 * a run, and cross-attention less than self-attention, so that both return what they last gave, the latter for longer.
 * MLPs are computed at every step.
 */
import { requireInteger } from '../errors.js';
import { type CacheDecision, type CachedRun, type CachePolicy, DEFAULT_PERIODS } from './cachePolicy.js';
import { Schedule, scheduleLayers } from './schedule.js';

export interface PabParameters {
  /** Steps from one computed self-attention to the next. Default 2. */
  readonly period?: number | undefined;
  /** And of cross-attention. Default 6. */
  readonly crossPeriod?: number | undefined;
}

/** Shares of the steps between which attention is reused: timesteps 930 to 450 of 1000 in the authors' code. */
const [FIRST, LAST] = [0.07, 0.55];

export class Pab implements CachePolicy {
  readonly name = 'pab';
  readonly periods: Readonly<Record<string, number>>;

  constructor({ period = DEFAULT_PERIODS.pab!, crossPeriod = 6 }: PabParameters) {
    requireInteger('period', period, 1);
    requireInteger('crossPeriod', crossPeriod, 1);
    this.periods = { attention: period, cross: crossPeriod };
  }

  decide({ network, steps }: CachedRun): CacheDecision {
    const first = Math.ceil(FIRST * steps);
    const kinds = new Map(network.sublayers.map(({ name, kind }) => [name, kind]));
    const schedule = Schedule.fromRule(scheduleLayers(network, 'sublayer'), steps, (step, sublayer) => {
      const period = this.periods[kinds.get(sublayer)!] ?? 1;
      return step < first || step >= LAST * steps || (step - first) % period === 0;
    });
    return { schedule, scatter: () => 'reuse' };
  }
}
