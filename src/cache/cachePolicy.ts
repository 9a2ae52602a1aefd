/**
 * What a cache policy is: parameters from which, before the first step, everything that is cached is decided. Those of
 * `GATED_POLICIES` decide while they run instead (gatedPolicy.ts).
 */
import type { Actions } from '../models/layers/actions.js';
import type { Geometry, Network } from '../models/network.js';
import { type Combination, withCombinations } from './combination.js';
import { type ScatterAction, stepActions } from './policy.js';
import type { Schedule } from './schedule.js';

export const GATED_POLICIES = ['teacache', 'first-block', 'fastcache', 'easycache', 'magcache'] as const;

/** Each has a file of its own in this folder, which names its source. */
export const CACHE_POLICIES = [
  'none',
  'reuse',
  'calibrated',
  'learning-to-cache',
  'searched',
  'mixed',
  'taylorseer',
  'fitted',
  'pab',
  ...GATED_POLICIES,
] as const;
export type CachePolicyName = (typeof CACHE_POLICIES)[number];

/** Whether a policy decides while it runs: then images are sampled one by one, since decisions are of an image. */
export function isGated(policy: CachePolicyName = 'none'): boolean {
  return (GATED_POLICIES as readonly string[]).includes(policy);
}

/** The ways to say which steps and layers gather. */
const SCHEDULES = ['period', 'gatherSteps', 'rule', 'granularity', 'schedule'] as const;

/**
 * The parameters that each policy needs, and those that it takes beside them, as `CacheOptions` has them. With `factors`
 * the layers that do not gather are calibrated (or may be, for `searched` and `mixed`), without they are reused.
 */
export const POLICY_PARAMETERS = {
  none: { needs: [], takes: [] },
  reuse: { needs: [], takes: SCHEDULES },
  calibrated: { needs: ['factors'], takes: [...SCHEDULES, 'order', 'fits', 'terms', 'computed'] },
  'learning-to-cache': { needs: ['table'], takes: ['theta', 'factors'] },
  searched: { needs: ['errors', 'budget'], takes: ['factors'] },
  mixed: { needs: ['errors', 'budget'], takes: ['factors'] },
  taylorseer: { needs: [], takes: ['period', 'gatherSteps', 'order', 'basis', 'warmup'] },
  fitted: { needs: ['fits'], takes: ['terms', 'period', 'gatherSteps', 'computed', 'warmup'] },
  pab: { needs: [], takes: ['period', 'crossPeriod'] },
  teacache: { needs: ['threshold'], takes: ['polynomial', 'warmup', 'keep', 'factors'] },
  'first-block': {
    needs: ['threshold'],
    takes: ['firstBlocks', 'lastBlocks', 'warmup', 'maxCached', 'keep', 'factors'],
  },
  fastcache: { needs: ['threshold'], takes: ['warmup', 'keep', 'factors'] },
  easycache: { needs: ['threshold'], takes: ['warmup'] },
  magcache: { needs: ['fits'], takes: ['threshold', 'warmup', 'maxCached', 'keep'] },
} as const satisfies Record<
  CachePolicyName,
  { readonly needs: readonly string[]; readonly takes: readonly string[] }
>;

type Parameters = (typeof POLICY_PARAMETERS)[CachePolicyName];

/** A parameter of some policy. */
export type CacheParameter = (Parameters['needs'] | Parameters['takes'])[number];

/** Steps from one computed step to the next where nothing is said about it. */
export const DEFAULT_PERIODS: Readonly<Partial<Record<CachePolicyName, number>>> = {
  reuse: 2,
  calibrated: 2,
  taylorseer: 3,
  fitted: 3,
  pab: 2,
};

/** All parameters that a policy has, those that it needs first. */
export function parametersOf(policy: CachePolicyName): readonly CacheParameter[] {
  const { needs, takes } = POLICY_PARAMETERS[policy];
  return [...needs, ...takes];
}

/** The policies that have a parameter, as in `a, b or c`. */
export function policiesWith(parameter: CacheParameter): string {
  const users = CACHE_POLICIES.filter((name) => parametersOf(name).includes(parameter));
  return [users.slice(0, -1).join(', '), users.at(-1)].filter(Boolean).join(' or ');
}

/** The run that is to be cached. */
export interface CachedRun {
  readonly network: Network;
  /** Size of the latents. */
  readonly geometry: Geometry;
  readonly steps: number;
  /** Rank of a layer's increment; 0 where there is none. */
  readonly rank: (layer: string) => number;
}

export interface CacheDecision {
  readonly schedule: Schedule;
  /** For the layers that do not gather. A layer without an increment is reused, whatever is said here. */
  readonly scatter: ScatterAction;
  /** Continue several computed steps instead of taking what the last one stored. */
  readonly combination?: Combination;
}

/** A policy with its parameters. */
export interface CachePolicy {
  readonly name: CachePolicyName;
  /** Throws an `ArgumentError` when its parameters do not fit the run. */
  decide(run: CachedRun): CacheDecision;
}

/** What every step does with every layer under a policy. */
export function policyActions(policy: CachePolicy, { network, rank, ...run }: CachedRun): Actions[] {
  const { schedule, scatter, combination } = policy.decide({ network, rank, ...run });
  const actions = stepActions(network, schedule, (layer, step) =>
    rank(layer) > 0 ? scatter(layer, step) : 'reuse',
  );
  return combination ? withCombinations(network, actions, combination) : actions;
}
