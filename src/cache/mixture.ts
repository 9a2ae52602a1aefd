/**
 * Dynamic programming over what is done with each part of a network at each step: compute, reuse or calibrate, so that
 * the sum of measured errors is least under a budget of MACs.
 */
import { type Frontier, frontierOf, type Way } from './frontier.js';
import type { CacheKind } from './measuredErrors.js';
import type { PartMacs } from './sublayerMacs.js';

export type Choice = 'compute' | CacheKind;

export interface Mixture {
  readonly steps: number;
  /** The most steps in a row that a part may be cached. */
  readonly gaps: number;
  /** Of every part, a step. */
  readonly macs: readonly PartMacs[];
  /** Of all steps and parts together. */
  readonly budget: number;
  readonly error: (kind: CacheKind, step: number, gap: number, part: number) => number;
  /** Called with the MACs of the cheapest mixture when that is beyond the budget. */
  readonly refuse: (cheapest: number) => never;
}

/** What was chosen last, and before. */
interface Chain<T> {
  readonly last: T;
  readonly before: Chain<T> | undefined;
}

/** Ways kept between two stages; with fewer the result is exact. */
const LIMIT = 1024;

/**
 * The choice of every part (outer) at every step with the least sum of errors within the budget. Parts are bound by the
 * budget alone, so each has its own frontier, and the frontiers are added one after another.
 */
export function mix({ steps, gaps, macs, budget, error, refuse }: Mixture): Choice[][] {
  const frontiers = macs.map((costs, part) =>
    partFrontier(steps, gaps, costs, (kind, step, gap) => error(kind, step, gap, part)),
  );
  let rest = frontiers.reduce((sum, [cheapest]) => sum + cheapest!.macs, 0);
  if (rest > budget) refuse(rest);
  let all: Frontier<Chain<Chain<Choice> | undefined> | undefined> = [{ macs: 0, error: 0, how: undefined }];
  for (const frontier of frontiers) {
    rest -= frontier[0]!.macs;
    all = addFrontiers(all, frontier, budget - rest);
  }
  return listOf(all.at(-1)!.how).map(listOf);
}

/** Walks over the steps; what counts of the past is how long ago the part was computed. */
function partFrontier(
  steps: number,
  gaps: number,
  macs: PartMacs,
  error: (kind: CacheKind, step: number, gap: number) => number,
): Frontier<Chain<Choice> | undefined> {
  const extended = (
    ways: Frontier<Chain<Choice> | undefined>,
    last: Choice,
    cost: number,
    more: number,
  ): Way<Chain<Choice> | undefined>[] =>
    ways.map((way) => {
      return { macs: way.macs + cost, error: way.error + more, how: { last, before: way.how } };
    });
  let byGap: Frontier<Chain<Choice> | undefined>[] = [
    [{ macs: macs.compute, error: 0, how: { last: 'compute', before: undefined } }],
  ];
  for (let step = 1; step < steps; step++) {
    const next = [frontierOf(extended(byGap.flat(), 'compute', macs.compute, 0), LIMIT)];
    for (const [before, ways] of byGap.entries()) {
      const gap = before + 1;
      if (gap > gaps) break;
      const cached = extended(ways, 'reuse', 0, error('reuse', step, gap));
      if (macs.calibrate !== undefined)
        cached.push(...extended(ways, 'calibrate', macs.calibrate, error('calibrate', step, gap)));
      next.push(frontierOf(cached, LIMIT));
    }
    byGap = next;
  }
  return frontierOf(byGap.flat(), LIMIT);
}

/** All sums of two ways that cost at most `most`. */
function addFrontiers<T>(
  all: Frontier<Chain<T> | undefined>,
  one: Frontier<T>,
  most: number,
): Frontier<Chain<T> | undefined> {
  const sums: Way<Chain<T> | undefined>[] = [];
  for (const a of all)
    for (const b of one) {
      const macs = a.macs + b.macs;
      if (macs > most) break;
      sums.push({ macs, error: a.error + b.error, how: { last: b.how, before: a.how } });
    }
  return frontierOf(sums, LIMIT);
}

function listOf<T>(chain: Chain<T> | undefined): T[] {
  const list: T[] = [];
  for (let link = chain; link; link = link.before) list.push(link.last);
  return list.reverse();
}
