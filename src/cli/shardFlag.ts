/** Which part of a run a machine takes: as it is told, or as a scheduler has numbered it. */
import type { Command } from 'commander';
import { ArgumentError } from '../errors.js';
import type { Shard, ShardRange } from '../evaluate/runs/shardFolders.js';

export interface ShardFlags {
  readonly shard?: string;
}

/** What is done of a run: all of it, a shard, or what all shards give. */
export interface ShardChoice {
  readonly shard?: Shard;
  readonly isMerge: boolean;
}

/** @param verb what is done to a part, `folder` what all parts share, `merged` what merging does */
export function addShardFlags(
  command: Command,
  { verb, folder, merged }: { readonly verb: string; readonly folder: string; readonly merged: string },
): Command {
  return command
    .argument('[merge]', `the word merge: ${merged}`)
    .option(
      '--shard <i/n>',
      `${verb} part i of n, from 0, into ${folder}, which all parts share; with n alone the part that Slurm or Kubernetes has numbered`,
    );
}

/** Throws an `ArgumentError` for another word than merge, and for what is no part. */
export function shardChoice(merge: string | undefined, { shard }: ShardFlags): ShardChoice {
  if (merge !== undefined && merge !== 'merge')
    throw new ArgumentError('an argument', merge, 'merge, or only options');
  const isMerge = merge !== undefined;
  if (isMerge && shard !== undefined)
    throw new ArgumentError('shard', shard, 'no value, because merge takes all shards');
  return shard === undefined ? { isMerge } : { shard: shardOf(shard), isMerge };
}

/** As `shardChoice`, of a command that keeps its run in `--resume`. */
export function resumedShardChoice(
  merge: string | undefined,
  flags: ShardFlags & { readonly resume?: string },
): ShardChoice {
  const choice = shardChoice(merge, flags);
  if ((choice.isMerge || choice.shard) && flags.resume === undefined)
    throw new ArgumentError('resume', flags.resume, 'a folder that all shards share');
  return choice;
}

/** Says where a shard's part is. `items` is a word for many of what runs are divided into, `next` what is done with all. */
export function printShard(
  { json, folder }: { readonly json?: boolean | undefined; readonly folder: string },
  shard: Shard,
  { first, count }: ShardRange,
  { items, next }: { readonly items: string; readonly next: string },
): void {
  const which = `shard ${shard.index} of ${shard.of}`;
  if (json) process.stdout.write(`${JSON.stringify({ shard, first, count })}\n`);
  else if (count === 0) process.stdout.write(`${which} has no ${items}\n`);
  else
    process.stdout.write(`${which}: ${items} ${first} to ${first + count - 1} are in ${folder}; ${next}\n`);
}

/** Variables in which schedulers tell a task its number, and from which number they count. */
const INDICES = [
  ['SLURM_ARRAY_TASK_ID', 'SLURM_ARRAY_TASK_MIN'],
  ['JOB_COMPLETION_INDEX', undefined],
] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Of `3/7`, part 3 of 7, counted from 0; or of `7`, whose part the environment tells (array jobs of Slurm, indexed jobs of Kubernetes).
 * Throws an `ArgumentError` for a text of another kind, and where nobody tells the part.
 */
export function shardOf(text: string, environment: Environment = process.env): Shard {
  const [, index, of] = /^(?:(\d{1,6})\/)?(\d{1,6})$/.exec(text) ?? [];
  const shard = { index: index === undefined ? indexFrom(text, environment) : Number(index), of: Number(of) };
  if (of === undefined || shard.index >= shard.of)
    throw new ArgumentError(
      'shard',
      index === undefined && of !== undefined ? `${shard.index}/${of}` : text,
      EXPECTED,
    );
  return shard;
}

const EXPECTED = 'a part and the number of parts, counted from 0, as in 0/7 to 6/7';

function indexFrom(text: string, environment: Environment): number {
  for (const [name, least] of INDICES) {
    const value = environment[name];
    if (value !== undefined) return Number(value) - Number((least && environment[least]) ?? 0);
  }
  const names = INDICES.map(([name]) => name).join(' nor ');
  throw new ArgumentError('shard', text, `${EXPECTED}, since neither ${names} is set`);
}
