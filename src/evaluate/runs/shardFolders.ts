/** Parts of a run on many machines, none of which they talk to: each keeps what it has measured in a folder of its own inside one that all share. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { IncacheError, requireInteger, requireObject } from '../../errors.js';
import { type RunKey, SavedRun } from './savedRun.js';

/** Part `index`, from 0, of `of` parts. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** Items first to first + count - 1: images, batches or measurements. */
export interface ShardRange {
  readonly first: number;
  readonly count: number;
}

const MOST_SHARDS = 100_000;

/** Throws an `ArgumentError` for what is no shard. */
export function requireShard(shard: Shard): void {
  requireObject('shard', shard, 'an index and how many shards there are');
  requireInteger('shard.of', shard.of, 1, MOST_SHARDS);
  requireInteger('shard.index', shard.index, 0, shard.of - 1);
}

/** Whole batches, as nearly of one number as they can be divided. */
export function shardRange({ index, of }: Shard, items: number, batch = 1): ShardRange {
  const batches = Math.ceil(items / batch);
  const start = (part: number) => Math.min(items, Math.floor((part * batches) / of) * batch);
  return { first: start(index), count: start(index + 1) - start(index) };
}

/** Where a shard keeps its part. */
export function shardFolder(folder: string, { index, of }: Shard): string {
  return join(folder, `shard-${index}-of-${of}`);
}

/** As `shardFolder`. Throws an `IncacheError` where there is none yet. */
export function measuredFolder(folder: string, shard: Shard): string {
  const place = shardFolder(folder, shard);
  if (existsSync(place)) return place;
  throw new IncacheError(`${folder} has no shard-${shard.index}-of-${shard.of}: that part is not done yet`);
}

/** How many shards the run in a folder was divided into. Throws an `IncacheError` for none, and for shards of several runs. */
export function countShards(folder: string): number {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const counts = new Set(names.flatMap((name) => /^shard-\d+-of-(\d+)$/.exec(name)?.[1] ?? []));
  if (counts.size !== 1)
    throw new IncacheError(
      counts.size === 0
        ? `${folder} holds no shards`
        : `${folder} holds shards of runs in ${[...counts].join(' and in ')} parts; expected those of one`,
    );
  return Number([...counts][0]);
}

/** Takes the folder of a shard, which it makes where there is none, until `dispose`. Rejects as `SavedRun.open`. */
export async function openShard(folder: string, key: RunKey, shard: Shard): Promise<SavedRun> {
  return SavedRun.open(shardFolder(folder, shard), keyOf(key, shard));
}

/** The same of one that was run before. Rejects with an `IncacheError` where there is none. */
export async function openMeasured(folder: string, key: RunKey, shard: Shard): Promise<SavedRun> {
  return SavedRun.open(measuredFolder(folder, shard), keyOf(key, shard));
}

function keyOf(key: RunKey, { index, of }: Shard): RunKey {
  return { ...key, shard: `${index} of ${of}` };
}
