/** Timing of contenders in turn, so that what else the machine does falls on all of them alike. */
import { median } from '../median.js';

export interface Contender {
  readonly name: string;
  readonly flops: number;
  run(): Promise<void> | void;
  /** Runs once and returns the milliseconds it took; for one that runs in another process, with a clock of its own. */
  timedRun?(): Promise<number>;
}

/** Milliseconds of every round of one contender. */
export type Times = readonly number[];

export interface Turns {
  /** Rounds that count; with `seconds` the most of them. */
  readonly rounds: number;
  /** Rounds before, that do not count. */
  readonly warmUp: number;
  /**
   * Milliseconds before each run, for contenders whose threads go on spinning when a run has ended and would take a core
   * from the next. A run that does not count then comes before the one that does: in use a step follows a step, and
   * without it, what is measured is memory that lay idle, or was taken from the caches, while the others had their turn.
   * Runs of more than 0.1 s have none: they have read all memory again after a small part of their time.
   */
  readonly pause?: number;
  /**
   * Ends sooner, once the rounds have taken this long and there are enough of them for a median. No round to warm up but the
   * first begins after a third of it.
   */
  readonly seconds?: number;
  /** Called before every round; what it throws ends the measurement. */
  readonly onRound?: () => void;
}

/** Fewer have no median worth the name. */
const LEAST_ROUNDS = 5;
/** A shorter run is called several times in one turn: the clock and what a call costs would be much of it. */
const SHORTEST = 0.5;
const MOST_CALLS = 50;
/** Milliseconds of a run that needs no other before it. */
const LONG = 100;

/** Runs every contender once a round, in the order given. */
export async function interleave(contenders: readonly Contender[], turns: Turns): Promise<Times[]> {
  const { rounds, warmUp, pause = 0, seconds = Number.POSITIVE_INFINITY, onRound } = turns;
  const times: number[][] = contenders.map(() => []);
  const calls = contenders.map(() => 1);
  const last = contenders.map(() => 0);
  const start = performance.now();
  const hasTaken = (limit: number) => performance.now() - start > 1000 * limit;
  for (let round = -warmUp; round < rounds; round++) {
    if (round > -warmUp && round < 0 && hasTaken(seconds / 3)) round = 0;
    if (round >= LEAST_ROUNDS && hasTaken(seconds)) break;
    onRound?.();
    for (const [i, contender] of contenders.entries()) {
      if (pause > 0) {
        await new Promise((resolve) => setTimeout(resolve, pause));
        if (last[i]! < LONG) await timeCalls(contender, 1);
      }
      const milliseconds = await timeCalls(contender, calls[i]!);
      last[i] = milliseconds;
      if (round >= 0) times[i]!.push(milliseconds);
      else calls[i] = callsFor(milliseconds);
    }
  }
  return times;
}

function callsFor(milliseconds: number): number {
  return Math.min(MOST_CALLS, Math.max(1, Math.ceil(SHORTEST / milliseconds)));
}

/** Milliseconds of one of so many calls. */
async function timeCalls(contender: Contender, calls: number): Promise<number> {
  if (contender.timedRun) return contender.timedRun();
  const start = performance.now();
  for (let call = 0; call < calls; call++) await contender.run();
  return (performance.now() - start) / calls;
}

/** The value below which `share` of them lie, between two of them in proportion. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const next = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return sorted[below]! + (place - below) * (next - sorted[below]!);
}

/**
 * The median over rounds of a[round] / b[round]: what was slow in one round was slow for both. Of samples that were not
 * taken in the same rounds, the ratio of their medians.
 */
export function medianRatio(a: Times, b: Times): number {
  if (a.length !== b.length) return median(a) / median(b);
  return median(a.map((time, round) => time / b[round]!));
}
