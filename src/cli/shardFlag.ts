/** Which part of a run a machine takes: as it is told, or as a scheduler has numbered it. */
import { ArgumentError } from '../errors.js';
import type { Shard } from '../evaluate/runs/shards.js';

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
