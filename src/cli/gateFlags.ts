/** The options of the command line for policies that extrapolate and such that decide while they run. */
import type { Command } from 'commander';
import { KEPT } from '../cache/gatedPolicy.js';
import { SERIES_BASES } from '../cache/series.js';
import { requireOneOf } from '../errors.js';
import type { AnyCacheOptions } from '../pipeline/options.js';
import { decimal, decimalList, integer } from './parse.js';

export interface GateFlags {
  readonly order?: number;
  readonly basis?: string;
  readonly crossPeriod?: number;
  readonly threshold?: number;
  readonly warmup?: number;
  readonly polynomial?: number[];
  readonly firstBlocks?: number;
  readonly lastBlocks?: number;
  readonly maxCached?: number;
  readonly keep?: string;
}

export function addGateFlags(command: Command): Command {
  return command
    .option(
      '--order <m>',
      'order of the extrapolation, 0 to 3: of policy taylorseer (default: 1), and of what policy calibrated adds increments to (default: 0, the last computed step)',
      integer('order', 0, 3),
    )
    .option(
      '--basis <name>',
      'of policy taylorseer: the published series (taylor), the polynomial through the computed steps (newton), the damped series of HiCache (hermite) or FoCa, of order 2 (foca) (default: taylor)',
    )
    .option(
      '--cross-period <p>',
      'policy pab: compute cross-attention at every p-th step (default: 6)',
      integer('cross-period', 1),
    )
    .option(
      '--threshold <x>',
      'policies teacache, first-block, fastcache and easycache cache below this relative change, magcache below this error (default: 0.06); 0 caches nothing',
      decimal('threshold', 0),
    )
    .option(
      '--warmup <n>',
      'steps at the start computed in full (default: teacache and fastcache 1, taylorseer and easycache 2, first-block 8, magcache a fifth of all)',
      integer('warmup', 1),
    )
    .option(
      '--polynomial <list>',
      'policy teacache: coefficients, highest power first, of what the change goes through (default: 1,0)',
      decimalList('polynomial'),
    )
    .option(
      '--first-blocks <n>',
      'policy first-block: blocks before the gate (default: 1)',
      integer('first-blocks', 1),
    )
    .option(
      '--last-blocks <n>',
      'policy first-block: blocks at the end that always run (default: 0)',
      integer('last-blocks', 0),
    )
    .option(
      '--max-cached <n>',
      'policies first-block and magcache: cached steps in a row at most (default: 3)',
      integer('max-cached', 1),
    )
    .option(
      '--keep <what>',
      'policies teacache, first-block, fastcache and magcache: what is kept of cached blocks, all that they added (residual) or the outputs of their sublayers (outputs) (default: residual)',
    );
}

/** Those that are given. */
export function gateOptions(flags: GateFlags): AnyCacheOptions {
  const {
    order,
    basis,
    crossPeriod,
    threshold,
    warmup,
    polynomial,
    firstBlocks,
    lastBlocks,
    maxCached,
    keep,
  } = flags;
  if (keep !== undefined) requireOneOf('keep', keep, KEPT);
  if (basis !== undefined) requireOneOf('basis', basis, SERIES_BASES);
  const all = {
    ...{ order, basis, crossPeriod, threshold, warmup, polynomial },
    ...{ firstBlocks, lastBlocks, maxCached, keep },
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
