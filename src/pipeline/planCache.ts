/** From the cache options of a run to its policy, and to what every step does with every linear. */
import { cachedSteps } from '../cache/cachedSteps.js';
import type { CacheParameter, CachePolicy } from '../cache/cachePolicy.js';
import { ErrorTable } from '../cache/data/errorTable.js';
import { FactorSet } from '../cache/data/factorSet.js';
import { StepGrams } from '../cache/data/stepGrams.js';
import { EasyCache } from '../cache/easyCache.js';
import { FastCache } from '../cache/fastCache.js';
import { FirstBlock } from '../cache/firstBlock.js';
import { Fitted } from '../cache/fitted.js';
import type { GatedPolicy } from '../cache/gatedPolicy.js';
import { LearningToCache } from '../cache/learningToCache.js';
import { MagCache } from '../cache/magCache.js';
import { Mixed } from '../cache/mixed.js';
import { Pab } from '../cache/pab.js';
import { Schedule } from '../cache/schedule.js';
import { Scheduled } from '../cache/scheduled.js';
import { Searched } from '../cache/searched.js';
import { TaylorSeer } from '../cache/taylorSeer.js';
import { TeaCache } from '../cache/teaCache.js';
import type { DenoiserCheckpoint } from '../engine/checkpoint.js';
import { ArgumentError } from '../errors.js';
import type { MadeParameter, PlannedSteps } from './cachePolicy.js';
import type { AnyCacheOptions, ResolvedOptions } from './options.js';
import { Recipe } from './recipe.js';
import { samplerOf } from './samplerOf.js';

/** For cache options that were checked with `requireParameters`; throws as `plannedSteps`. */
export function planCache(checkpoint: DenoiserCheckpoint, options: ResolvedOptions): PlannedSteps {
  const { cache, steps, geometry } = options;
  const { network } = checkpoint;
  const policy = policyOf(cache);
  const factors = factorsOf(checkpoint, cache);
  requireErrorsFit(checkpoint, cache, factors);
  requireFits(checkpoint, options);
  const rank = (layer: string) => factors?.rank(layer) ?? 0;
  const run = { network, geometry, steps, rank };
  return { ...cachedSteps(policy, run, factors ? 'outputs' : cache.keep), factors };
}

const MADE_BY: Record<
  MadeParameter,
  { readonly as: abstract new (...args: never[]) => object; readonly expected: string }
> = {
  factors: { as: FactorSet, expected: 'a FactorSet, as calibrate or FactorSet.load return it' },
  fits: { as: StepGrams, expected: 'StepGrams, as measureGrams or StepGrams.load return them' },
  errors: { as: ErrorTable, expected: 'an ErrorTable, as measureErrors or ErrorTable.load return it' },
  schedule: { as: Schedule, expected: 'a Schedule' },
  recipe: { as: Recipe, expected: 'a Recipe, as Recipe.load returns it' },
};

/** Throws an `ArgumentError` unless the value is of the class that this parameter has. */
export function requireMade(name: MadeParameter, value: unknown): void {
  const { as, expected } = MADE_BY[name];
  if (!(value instanceof as)) throw new ArgumentError(name, value, expected);
}

function policyOf(cache: AnyCacheOptions): CachePolicy | GatedPolicy {
  const name = cache.policy ?? 'none';
  switch (name) {
    case 'learning-to-cache':
      return new LearningToCache(needed(cache, 'table'), cache.theta);
    case 'searched':
      return new Searched(needed(cache, 'errors'), needed(cache, 'budget'));
    case 'mixed':
      return new Mixed(needed(cache, 'errors'), needed(cache, 'budget'));
    case 'taylorseer':
      return new TaylorSeer(cache);
    case 'fitted':
      return new Fitted({ ...cache, fits: needed(cache, 'fits') });
    case 'pab':
      return new Pab(cache);
    case 'teacache':
      return new TeaCache({ ...cache, threshold: needed(cache, 'threshold') });
    case 'first-block':
      return new FirstBlock({ ...cache, threshold: needed(cache, 'threshold') });
    case 'fastcache':
      return new FastCache({ ...cache, threshold: needed(cache, 'threshold') });
    case 'easycache':
      return new EasyCache({ ...cache, threshold: needed(cache, 'threshold') });
    case 'magcache':
      return new MagCache({ ...cache, fits: needed(cache, 'fits') });
    default:
      return new Scheduled(name, cache);
  }
}

/** The factors of a run, checked to belong to this model; none for a policy that takes none. */
function factorsOf(checkpoint: DenoiserCheckpoint, cache: AnyCacheOptions): FactorSet | undefined {
  const factors = cache.policy === 'calibrated' ? needed(cache, 'factors') : cache.factors;
  if (!factors) return undefined;
  factors.requireModel(checkpoint.hash, checkpoint.path);
  for (const { name } of checkpoint.network.layers) factors.requireLayer(name);
  return factors;
}

/** Errors of another model or of other factors would be believed without a sign. */
function requireErrorsFit(
  checkpoint: DenoiserCheckpoint,
  { errors }: AnyCacheOptions,
  factors: FactorSet | undefined,
): void {
  if (!errors) return;
  errors.requireModel(checkpoint.hash, checkpoint.path);
  if (factors) errors.requireFactors(factors);
}

/** Coefficients and recipes belong to the steps of a sampler. */
function requireFits(checkpoint: DenoiserCheckpoint, options: ResolvedOptions): void {
  const { fits, recipe } = options.cache;
  if (!fits && !recipe) return;
  const { name, timesteps } = samplerOf(options, checkpoint.network);
  recipe?.requireRun(checkpoint.hash, checkpoint.path, name, timesteps.length);
  if (!fits) return;
  fits.requireModel(checkpoint.hash, checkpoint.path);
  fits.requireTimesteps(name, timesteps);
}

/** What is missing when a policy lacks a parameter that it needs. */
const NEEDED = {
  factors: 'the factors of this model',
  table: 'the table of a router',
  fits: 'measured fits of this model',
  errors: 'measured errors of this model',
  budget: 'a budget',
  threshold: 'the change below which steps or blocks are cached',
} as const satisfies Partial<Record<CacheParameter, string>>;

function needed<K extends keyof typeof NEEDED>(
  cache: AnyCacheOptions,
  parameter: K,
): NonNullable<AnyCacheOptions[K]> {
  const value = cache[parameter];
  if (value === undefined)
    throw new ArgumentError(parameter, value, `${NEEDED[parameter]}, for policy ${cache.policy}`);
  return value as NonNullable<AnyCacheOptions[K]>;
}
