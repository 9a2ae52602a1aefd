/** From the cache options of a run to what every step does with every linear: they are checked, and without a cache all is computed. */
import { planCache, requireMade } from '#platform/parts';
import type { CachedSteps } from '../cache/cachedSteps.js';
import {
  CACHE_POLICIES,
  type CacheParameter,
  isGated,
  parametersOf,
  policiesWith,
} from '../cache/cachePolicy.js';
import type { FactorSet } from '../cache/data/factorSet.js';
import { KEPT } from '../cache/gatedPolicy.js';
import type { DenoiserCheckpoint } from '../engine/checkpoint.js';
import { ArgumentError, requireOneOf } from '../errors.js';
import type { Actions } from '../models/layers/actions.js';
import { computeAll } from '../models/stepPlans.js';
import { requireOptions } from '../optionNames.js';
import { ROW_SCALED_TYPES } from '../plan/types.js';
import { type AnyCacheOptions, CACHE_OPTION_NAMES, type ResolvedOptions } from './options.js';

/** What the steps of a run do, with the factors that their layers are calibrated with, if any may be. */
export interface PlannedSteps extends CachedSteps {
  readonly factors: FactorSet | undefined;
}

/**
 * Throws an `ArgumentError` for an unknown policy and for one that lacks a parameter or cannot have its value, and
 * an `IncacheError` for factors of another model, or errors of another model or other factors.
 */
export function plannedSteps(checkpoint: DenoiserCheckpoint, options: ResolvedOptions): PlannedSteps {
  const { cache, steps } = options;
  requireParameters(cache);
  if ((cache.policy ?? 'none') !== 'none' || cache.recipe) return planCache(checkpoint, options);
  return { actions: new Array<Actions>(steps).fill(computeAll(checkpoint.network)), factors: undefined };
}

/** Parameters that functions of ours make. */
export const MADE = ['factors', 'fits', 'errors', 'schedule', 'recipe'] as const;
export type MadeParameter = (typeof MADE)[number];

/** Throws an `ArgumentError` for an unknown policy, and for an option that is none or that the policy would not use. */
export function requireParameters(cache: AnyCacheOptions): void {
  requireOptions('cache', cache, CACHE_OPTION_NAMES);
  const { policy = 'none', form = 'input', type = 'e4m3', recipe: _recipe, ...parameters } = cache;
  requireOneOf('policy', policy, CACHE_POLICIES);
  requireOneOf('cache form', form, ['input', 'rank']);
  requireOneOf('cache type', type, ROW_SCALED_TYPES);
  requireOneOf('keep', cache.keep ?? 'residual', KEPT);
  const own = parametersOf(policy);
  for (const [name, value] of Object.entries(parameters) as [CacheParameter, unknown][])
    if (value !== undefined && !own.includes(name))
      throw new ArgumentError('policy', policy, `${policiesWith(name)}, since ${name} is given`);
  for (const name of MADE) if (cache[name] !== undefined) requireMade(name, cache[name]);
}

/** Throws an `ArgumentError`, for something that needs to know beforehand what every step does. */
export function requireUngated({ policy = 'none' }: AnyCacheOptions, what: string): void {
  const others = CACHE_POLICIES.filter((name) => !isGated(name)).join(', ');
  if (isGated(policy))
    throw new ArgumentError(
      'policy',
      policy,
      `one that decides before the first step, as ${what} needs: ${others}`,
    );
}
