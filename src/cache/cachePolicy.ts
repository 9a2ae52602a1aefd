/**
 * What a cache policy is: parameters from which, before the first step, everything that is cached is decided. Those of
 * `GATED_POLICIES` decide while they run instead (gatedPolicy.ts).
 */
import type { DiTConfig } from '../models/config.js';
import { withLines } from './line.js';
import { type ScatterAction, type StepActions, stepActions } from './policy.js';
import type { Schedule } from './schedule.js';
import { withSeries } from './series.js';

export const GATED_POLICIES = ['teacache', 'first-block', 'fastcache'] as const;

/** Each has a file of its own in this folder, which names its source. */
export const CACHE_POLICIES = [
  'none',
  'reuse',
  'calibrated',
  'learning-to-cache',
  'searched',
  'mixed',
  'taylorseer',
  ...GATED_POLICIES,
] as const;
export type CachePolicyName = (typeof CACHE_POLICIES)[number];

/** Parameters of policies, as `CacheOptions` has them. */
export type CacheParameter =
  | 'period'
  | 'gatherSteps'
  | 'schedule'
  | 'factors'
  | 'table'
  | 'theta'
  | 'errors'
  | 'budget'
  | 'order'
  | 'threshold'
  | 'warmup'
  | 'polynomial'
  | 'firstBlocks'
  | 'lastBlocks'
  | 'maxCached'
  | 'keep';

/**
 * The parameters that each policy needs, and those that it takes beside them. With `factors` the layers that do not
 * gather are calibrated (or may be, for `searched` and `mixed`), without they are reused.
 */
export const POLICY_PARAMETERS: Readonly<
  Record<
    CachePolicyName,
    { readonly needs: readonly CacheParameter[]; readonly takes: readonly CacheParameter[] }
  >
> = {
  none: { needs: [], takes: [] },
  reuse: { needs: [], takes: ['period', 'gatherSteps', 'schedule'] },
  calibrated: { needs: ['factors'], takes: ['period', 'gatherSteps', 'schedule', 'order'] },
  'learning-to-cache': { needs: ['table'], takes: ['theta', 'factors'] },
  searched: { needs: ['errors', 'budget'], takes: ['factors'] },
  mixed: { needs: ['errors', 'budget'], takes: ['factors'] },
  taylorseer: { needs: [], takes: ['period', 'gatherSteps', 'order', 'warmup'] },
  teacache: { needs: ['threshold'], takes: ['polynomial', 'warmup', 'keep', 'factors'] },
  'first-block': {
    needs: ['threshold'],
    takes: ['firstBlocks', 'lastBlocks', 'warmup', 'maxCached', 'keep', 'factors'],
  },
  fastcache: { needs: ['threshold'], takes: ['warmup', 'keep', 'factors'] },
};

/** The run that is to be cached. */
export interface CachedRun {
  readonly config: DiTConfig;
  readonly steps: number;
  /** Rank of a layer's increment; 0 where there is none. */
  readonly rank: (layer: string) => number;
}

export interface CacheDecision {
  readonly schedule: Schedule;
  /** For the layers that do not gather. A layer without an increment is reused, whatever is said here. */
  readonly scatter: ScatterAction;
  /** Extrapolate what is reused as a Taylor series of this order over the steps. */
  readonly order?: number;
  /** Calibrate against the line through the last two stored steps instead of the last one. */
  readonly line?: boolean;
}

/** A policy with its parameters. */
export interface CachePolicy {
  readonly name: CachePolicyName;
  /** Throws an `ArgumentError` when its parameters do not fit the run. */
  decide(run: CachedRun): CacheDecision;
}

/** What every step does with every linear under a policy. */
export function policyActions(policy: CachePolicy, run: CachedRun): StepActions[] {
  const { schedule, scatter, order, line } = policy.decide(run);
  const actions = stepActions(schedule, run.config.depth, (layer, step) =>
    run.rank(layer) > 0 ? scatter(layer, step) : 'reuse',
  );
  if (line) return withLines(actions);
  return order === undefined ? actions : withSeries(actions, schedule, order);
}
