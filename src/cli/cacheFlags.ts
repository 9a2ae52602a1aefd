/** The cache options of the command line. */

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { CACHE_POLICIES } from '../cache/policy.js';
import { GRANULARITIES, type Granularity, Schedule } from '../cache/schedule.js';
import { FactorSet } from '../calibrate/factorSet.js';
import { ArgumentError, IncacheError, requireOneOf } from '../errors.js';
import type { CacheOptions } from '../pipeline/options.js';
import { integer, integerList } from './parse.js';

export interface CacheFlags {
  readonly policy: string;
  readonly period?: number;
  readonly gatherSteps?: number[];
  readonly schedule?: string;
  readonly granularity: string;
  readonly factors?: string;
  readonly cacheForm: string;
}

export function addCacheFlags(command: Command): Command {
  return command
    .option('--policy <name>', `cache policy: ${CACHE_POLICIES.join(', ')}`, 'none')
    .option('--period <p>', 'compute every p-th step in full (default 2)', integer('period', 1))
    .option(
      '--gather-steps <list>',
      'compute these steps in full instead, as in 0,1,5-9',
      integerList('gather-steps'),
    )
    .option('--schedule <file>', 'G and S as JSON instead: {"layers": [...], "G": [[...]], "S": [[...]]}')
    .option('--granularity <g>', `columns of G and S: ${GRANULARITIES.join(', ')}`, 'linear')
    .option('--factors <file>', 'factors of the calibrated policy (incache calibrate)')
    .option('--cache-form <form>', 'keep inputs (input) or Wb times them (rank)', 'input');
}

export function cacheOptions(flags: CacheFlags): CacheOptions {
  requireOneOf('policy', flags.policy, CACHE_POLICIES);
  requireOneOf('granularity', flags.granularity, GRANULARITIES);
  requireOneOf('cache-form', flags.cacheForm, ['input', 'rank']);
  if (flags.policy === 'calibrated' && flags.factors === undefined)
    throw new ArgumentError(
      'factors',
      undefined,
      'a file made by: incache calibrate --out factors.safetensors',
    );
  return {
    policy: flags.policy,
    granularity: flags.granularity as Granularity,
    form: flags.cacheForm,
    ...(flags.period !== undefined && { period: flags.period }),
    ...(flags.gatherSteps && { gatherSteps: flags.gatherSteps }),
    ...(flags.schedule !== undefined && { schedule: readSchedule(flags.schedule) }),
    ...(flags.factors !== undefined &&
      flags.policy === 'calibrated' && { factors: FactorSet.load(flags.factors) }),
  };
}

function readSchedule(path: string): Schedule {
  let file: { layers?: unknown; G?: unknown; S?: unknown };
  try {
    file = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new IncacheError(`cannot read the schedule ${path}: ${(error as Error).message}`, { cause: error });
  }
  const { layers, G, S } = file ?? {};
  const isMatrix = (value: unknown): value is number[][] =>
    Array.isArray(value) && value.every(Array.isArray);
  if (!Array.isArray(layers) || !isMatrix(G) || !isMatrix(S))
    throw new ArgumentError('schedule', path, 'JSON with layers (names) and G and S (steps x layers)');
  return new Schedule(layers.map(String), G, S);
}
