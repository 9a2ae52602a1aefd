/** Sets of ways to do something, each the least erroneous of its cost or cheaper: what dynamic programming keeps. */

export interface Way<T> {
  readonly macs: number;
  readonly error: number;
  readonly how: T;
}

/** Ways with ascending MACs and descending errors. */
export type Frontier<T> = readonly Way<T>[];

/**
 * The ways that no other one beats in both MACs and error, at most `limit` of them: beyond that only the least
 * erroneous of each of `limit` equal spans of MACs is kept, and the cheapest of all.
 */
export function frontierOf<T>(ways: readonly Way<T>[], limit: number): Frontier<T> {
  const sorted = [...ways].sort((a, b) => a.macs - b.macs || a.error - b.error);
  const kept: Way<T>[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (const way of sorted) {
    if (way.error >= least) continue;
    least = way.error;
    kept.push(way);
  }
  return kept.length > limit ? thin(kept, limit) : kept;
}

/** Errors descend, so the last of a span is its least erroneous. */
function thin<T>(ways: Frontier<T>, limit: number): Frontier<T> {
  const [first, last] = [ways[0]!, ways.at(-1)!];
  const span = (last.macs - first.macs) / (limit - 1);
  const spanOf = ({ macs }: Way<T>) => Math.ceil((macs - first.macs) / span);
  return ways.filter((way, i) => i === 0 || i === ways.length - 1 || spanOf(way) !== spanOf(ways[i + 1]!));
}
