/** The cache options of the command line. */

import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { CACHE_POLICIES } from '../cache/policy.js';
import { Schedule } from '../cache/schedule.js';
import { FactorSet } from '../calibrate/factorSet.js';
import { ArgumentError, FormatError, IncacheError, requireOneOf } from '../errors.js';
import type { CacheOptions } from '../pipeline/options.js';
import { integer, integerList } from './parse.js';

export interface CacheFlags {
  readonly policy: string;
  readonly period?: number;
  readonly gatherSteps?: number[];
  readonly schedule?: string;
  readonly factors?: string;
  readonly cacheForm: string;
}

export function addCacheFlags(command: Command): Command {
  return command
    .option('--policy <name>', `cache policy: ${CACHE_POLICIES.join(', ')}`, 'none')
    .addOption(
      new Option('--period <p>', 'compute every p-th step in full (default: 2)')
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
    .option('--factors <file>', 'factors for policy calibrated, made by incache calibrate')
    .option(
      '--cache-form <form>',
      'what policy calibrated keeps: inputs (input) or Wb times them (rank)',
      'input',
    );
}

/** Reads the files that the options name. Options that the policy would not use are refused, not ignored. */
export function cacheOptions(flags: CacheFlags): CacheOptions {
  requireOneOf('policy', flags.policy, CACHE_POLICIES);
  requireOneOf('cache-form', flags.cacheForm, ['input', 'rank']);
  requireUsed(flags);
  return {
    policy: flags.policy,
    form: flags.cacheForm,
    ...(flags.period !== undefined && { period: flags.period }),
    ...(flags.gatherSteps && { gatherSteps: flags.gatherSteps }),
    ...(flags.schedule !== undefined && { schedule: readSchedule(flags.schedule) }),
    ...(flags.factors !== undefined && { factors: FactorSet.load(flags.factors) }),
  };
}

function requireUsed({ policy, period, gatherSteps, schedule, factors }: CacheFlags): void {
  if (policy === 'calibrated' && factors === undefined)
    throw new ArgumentError(
      'factors',
      factors,
      'a file made by incache calibrate, which policy calibrated needs',
    );
  if (policy !== 'calibrated' && factors !== undefined)
    throw new ArgumentError('policy', policy, 'calibrated, since --factors is given');
  if (policy !== 'none') return;
  for (const [option, value] of Object.entries({ period, 'gather-steps': gatherSteps, schedule }))
    if (value !== undefined)
      throw new ArgumentError('policy', policy, `reuse or calibrated, since --${option} is given`);
}

function readSchedule(path: string): Schedule {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new IncacheError(`cannot read schedule ${path}: ${(error as Error).message}`, { cause: error });
  }
  const { layers, G, S } = parseObject(path, text);
  const isMatrix = (value: unknown): value is number[][] =>
    Array.isArray(value) && value.every(Array.isArray);
  if (!Array.isArray(layers) || !isMatrix(G) || !isMatrix(S))
    throw new ArgumentError('schedule', path, 'JSON with layers (names) and G and S (steps x layers)');
  return new Schedule(layers.map(String), G, S);
}

function parseObject(path: string, text: string): { layers?: unknown; G?: unknown; S?: unknown } {
  try {
    return JSON.parse(text) ?? {};
  } catch (error) {
    throw new FormatError(`schedule ${path} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}
