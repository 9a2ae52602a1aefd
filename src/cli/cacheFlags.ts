/** The cache options of the command line. */
import { type Command, Option } from 'commander';
import {
  CACHE_POLICIES,
  type CacheParameter,
  type CachePolicyName,
  POLICY_PARAMETERS,
  parametersOf,
  policiesWith,
} from '../cache/cachePolicy.js';
import { ErrorTable } from '../cache/data/errorTable.js';
import { FactorSet } from '../cache/data/factorSet.js';
import { loadRouterTable } from '../cache/data/routerTable.js';
import { StepGrams } from '../cache/data/stepGrams.js';
import { DEFAULT_THETA } from '../cache/learningToCache.js';
import { Schedule } from '../cache/schedule.js';
import { ArgumentError, requireOneOf } from '../errors.js';
import { MOST_TERMS } from '../models/layers/actions.js';
import type { AnyCacheOptions, CacheOptions } from '../pipeline/options.js';
import { Recipe } from '../pipeline/recipe.js';
import { ROW_SCALED_TYPES } from '../plan/types.js';
import { readJsonObject } from '../weights/jsonFile.js';
import { addGateFlags, type GateFlags, gateOptions } from './gateFlags.js';
import { decimal, integer, integerList } from './parse.js';

export interface CacheFlags extends GateFlags {
  readonly policy: string;
  readonly period?: number;
  readonly gatherSteps?: number[];
  readonly schedule?: string;
  readonly factors?: string;
  readonly table?: string;
  readonly theta?: number;
  readonly errors?: string;
  readonly budget?: number;
  readonly fits?: string;
  readonly terms?: number;
  readonly computed?: number;
  readonly recipe?: string;
  readonly cacheForm: string;
  readonly cacheType?: string;
}

export function addCacheFlags(command: Command): Command {
  return addGateFlags(command)
    .option('--recipe <file>', 'made by incache tune: the policy with all that it needs, instead of --policy')
    .option('--policy <name>', `cache policy: ${CACHE_POLICIES.join(', ')}`, 'none')
    .addOption(
      new Option('--period <p>', 'compute every p-th step in full (default: 2, of taylorseer 3)')
        .argParser(integer('period', 1))
        .conflicts(['gatherSteps', 'schedule']),
    )
    .addOption(
      new Option('--gather-steps <list>', 'compute these steps in full, as in 0,1,5-9, instead of --period')
        .argParser(integerList('gather-steps'))
        .conflicts('schedule'),
    )
    .option(
      '--schedule <file>',
      'G and S instead of --period, as JSON: {"layers": ["blocks.0.q", ...], "G": [[1, ...], ...], "S": [[0, ...], ...]}, a row a step',
    )
    .option(
      '--factors <file>',
      'made by incache calibrate: calibrate what would be reused (needed by policy calibrated)',
    )
    .option('--table <file>', 'logits of the router of policy learning-to-cache, .safetensors')
    .option(
      '--theta <x>',
      `policy learning-to-cache recomputes a sublayer where its router gives more (default: ${DEFAULT_THETA})`,
      decimal('theta', 0, 1),
    )
    .option('--errors <file>', 'made by incache measure, for policies searched and mixed')
    .option(
      '--budget <x>',
      'MACs of the steps as a share of those without a cache, for policies searched and mixed',
      decimal('budget', 0, 1),
    )
    .option(
      '--fits <file>',
      'made by incache fit, for policies fitted and magcache; calibrated then calibrates against them',
    )
    .option(
      '--terms <n>',
      'computed steps that fits combine, 1 to 4 (default: 3)',
      integer('terms', 1, MOST_TERMS),
    )
    .addOption(
      new Option('--computed <n>', 'compute so many steps, chosen by --fits, instead of --period')
        .argParser(integer('computed', 1))
        .conflicts(['period', 'gatherSteps', 'schedule']),
    )
    .option('--cache-form <form>', 'what calibration keeps: inputs (input) or Wb times them (rank)', 'input')
    .option(
      '--cache-type <type>',
      'keep inputs and outputs of linears in 8 bits (e4m3); not on wasm (default: as activations are)',
    );
}

/** Functions have no place on a command line. */
type FlagParameter = Exclude<CacheParameter, 'rule' | 'granularity'>;

/** Parameters of policies that options of the command line stand for, as those are spelled. */
const OPTION_OF: Readonly<Record<FlagParameter, string>> = {
  period: 'period',
  gatherSteps: 'gather-steps',
  schedule: 'schedule',
  factors: 'factors',
  table: 'table',
  theta: 'theta',
  errors: 'errors',
  budget: 'budget',
  order: 'order',
  basis: 'basis',
  crossPeriod: 'cross-period',
  fits: 'fits',
  terms: 'terms',
  computed: 'computed',
  threshold: 'threshold',
  warmup: 'warmup',
  polynomial: 'polynomial',
  firstBlocks: 'first-blocks',
  lastBlocks: 'last-blocks',
  maxCached: 'max-cached',
  keep: 'keep',
};

/** What a parameter that is needed has to be. */
const EXPECTED: Partial<Record<FlagParameter, string>> = {
  factors: 'a file made by incache calibrate',
  table: 'a .safetensors file with the logits of a router',
  errors: 'a file made by incache measure',
  fits: 'a file made by incache fit',
  budget: 'a share of the MACs of a run without a cache',
  threshold: 'a relative change',
};

/** The options of a recipe, which stands in place of all others. */
function recipeOptions({ recipe, policy, cacheForm, cacheType, ...flags }: CacheFlags): CacheOptions {
  const others = Object.entries(OPTION_OF).find(([name]) => flags[name as FlagParameter] !== undefined)?.[1];
  if (policy !== 'none' || cacheForm !== 'input' || cacheType !== undefined || others !== undefined)
    throw new ArgumentError(
      'recipe',
      recipe,
      `to be the only option of the cache, without --${others ?? (policy === 'none' ? 'cache-form or --cache-type' : 'policy')}`,
    );
  return Recipe.load(recipe!).options;
}

/** Reads the files that the options name. Options that the policy would not use are refused, not ignored. */
export function cacheOptions(flags: CacheFlags): CacheOptions {
  if (flags.recipe !== undefined) return recipeOptions(flags);
  const {
    policy,
    cacheForm: form,
    cacheType: type,
    period,
    gatherSteps,
    schedule,
    factors,
    table,
    theta,
    errors,
    budget,
    fits,
    terms,
    computed,
  } = flags;
  requireOneOf('policy', policy, CACHE_POLICIES);
  requireOneOf('cache-form', form, ['input', 'rank']);
  if (type !== undefined) requireOneOf('cache-type', type, ROW_SCALED_TYPES);
  requireUsed(policy, flags);
  const all: AnyCacheOptions = {
    policy,
    form,
    ...(type !== undefined && { type }),
    ...(period !== undefined && { period }),
    ...(gatherSteps && { gatherSteps }),
    ...(schedule !== undefined && { schedule: readSchedule(schedule) }),
    ...(factors !== undefined && { factors: FactorSet.load(factors) }),
    ...(table !== undefined && { table: loadRouterTable(table) }),
    ...(theta !== undefined && { theta }),
    ...(errors !== undefined && { errors: ErrorTable.load(errors) }),
    ...(budget !== undefined && { budget }),
    ...(fits !== undefined && { fits: StepGrams.load(fits) }),
    ...(terms !== undefined && { terms }),
    ...(computed !== undefined && { computed }),
    ...gateOptions(flags),
  };
  return all as CacheOptions;
}

function requireUsed(policy: CachePolicyName, flags: CacheFlags): void {
  for (const parameter of POLICY_PARAMETERS[policy].needs)
    if (flags[parameter] === undefined)
      throw new ArgumentError(
        OPTION_OF[parameter],
        undefined,
        `${EXPECTED[parameter]}, which policy ${policy} needs`,
      );
  for (const [parameter, option] of Object.entries(OPTION_OF) as [FlagParameter, string][])
    if (flags[parameter] !== undefined && !parametersOf(policy).includes(parameter))
      throw new ArgumentError('policy', policy, `${policiesWith(parameter)}, since --${option} is given`);
}

function readSchedule(path: string): Schedule {
  const { layers, G, S } = readJsonObject(path);
  const isMatrix = (value: unknown): value is number[][] =>
    Array.isArray(value) && value.every(Array.isArray);
  const isNames = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((name) => typeof name === 'string');
  if (!isNames(layers) || !isMatrix(G) || !isMatrix(S))
    throw new ArgumentError('schedule', path, 'JSON with layers (names) and G and S (steps x layers)');
  return new Schedule(layers, G, S);
}
