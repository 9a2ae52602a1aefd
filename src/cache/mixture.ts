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
  /** A part may be cached once `order` + 1 of its steps have been computed. */
  readonly order: number;
  /** What may be done instead of computing; `calibrate` only where it has MACs. */
  readonly kinds: readonly CacheKind[];
  /** MACs of every part in one step. */
  readonly macs: readonly PartMacs[];
  /** The most MACs of all steps and parts together. */
  readonly budget: number;
  /** `past`: the steps to the last computed one, from that to the one before it and so on, `order` + 1 numbers. */
  readonly error: (kind: CacheKind, step: number, past: readonly number[], part: number) => number;
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
export function mix(mixture: Mixture): Choice[][] {
  const { macs, budget, refuse } = mixture;
  const frontiers = macs.map((_, part) => partFrontier(mixture, part));
  let rest = frontiers.reduce((sum, [cheapest]) => sum + cheapest!.macs, 0);
  if (rest > budget) refuse(rest);
  let all: Frontier<Chain<Chain<Choice> | undefined> | undefined> = [{ macs: 0, error: 0, how: undefined }];
  for (const frontier of frontiers) {
    rest -= frontier[0]!.macs;
    all = addFrontiers(all, frontier, budget - rest);
  }
  return listOf(all.at(-1)!.how).map(listOf);
}

/** The ways to a step behind which the past is the same: all that counts of it for the errors to come. */
interface State {
  /** As in `Mixture.error`, 0 first where the step is computed; shorter while few have been computed. */
  readonly past: readonly number[];
  readonly ways: Frontier<Chain<Choice> | undefined>;
}

function partFrontier(mixture: Mixture, part: number): Frontier<Chain<Choice> | undefined> {
  const { steps, macs } = mixture;
  const first = { macs: macs[part]!.compute, error: 0, how: { last: 'compute', before: undefined } } as const;
  let states: State[] = [{ past: [0], ways: [first] }];
  for (let step = 1; step < steps; step++)
    states = merged(states.flatMap((state) => statesAfter(mixture, part, step, state)));
  return frontierOf(
    states.flatMap(({ ways }) => ways),
    LIMIT,
  );
}

/** Where a state leads to in a step. */
function statesAfter(
  { gaps, order, kinds, macs, error }: Mixture,
  part: number,
  step: number,
  state: State,
): State[] {
  const { compute, calibrate } = macs[part]!;
  const past = [state.past[0]! + 1, ...state.past.slice(1)];
  const extended = (last: Choice, cost: number, more: number) =>
    state.ways.map((way): Way<Chain<Choice> | undefined> => {
      return { macs: way.macs + cost, error: way.error + more, how: { last, before: way.how } };
    });
  const computed = { past: [0, ...past].slice(0, order + 1), ways: extended('compute', compute, 0) };
  if (past[0]! > gaps || past.length <= order) return [computed];
  const ways = kinds.flatMap((kind) => {
    const cost = kind === 'reuse' ? 0 : calibrate;
    return cost === undefined ? [] : extended(kind, cost, error(kind, step, past, part));
  });
  return [computed, { past, ways }];
}

/** One state for each past. */
function merged(states: readonly State[]): State[] {
  const byPast = new Map<string, State[]>();
  for (const state of states) {
    const key = state.past.join();
    byPast.set(key, [...(byPast.get(key) ?? []), state]);
  }
  return [...byPast.values()].map((same) => {
    const ways = same.flatMap((state) => state.ways);
    return { past: same[0]!.past, ways: frontierOf(ways, LIMIT) };
  });
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
