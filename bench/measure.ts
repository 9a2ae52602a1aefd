/** Timing of contenders in turn, so that what else the machine does falls on all of them alike. */
import { setTimeout } from 'node:timers/promises';

export interface Contender {
  readonly name: string;
  readonly flops: number;
  run(): Promise<void> | void;
  /** Runs once and returns the milliseconds it took; for one that runs in another process, with a clock of its own. */
  timedRun?(): Promise<number>;
}

/** Milliseconds of every round of one contender. */
export type Times = readonly number[];

/**
 * Runs every contender once a round, after `warmUp` rounds that do not count. `pause`: milliseconds before each
 * run, for contenders whose threads go on spinning when a run has ended and would take a core from the next; a run that
 * does not count then comes before the one that does. In use a step follows a step: without it, memory that lay idle
 * while the others had their turn is what is measured.
 */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
  warmUp: number,
  pause = 0,
): Promise<Times[]> {
  const times: number[][] = contenders.map(() => []);
  for (let round = -warmUp; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      if (pause > 0) {
        await setTimeout(pause);
        await runOnce(contender);
      }
      const milliseconds = await runOnce(contender);
      if (round >= 0) times[i]!.push(milliseconds);
    }
  }
  return times;
}

async function runOnce(contender: Contender): Promise<number> {
  if (contender.timedRun) return contender.timedRun();
  const start = performance.now();
  await contender.run();
  return performance.now() - start;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The median over rounds of a[round] / b[round]: what was slow in one round was slow for both. */
export function medianRatio(a: Times, b: Times): number {
  return median(a.map((time, round) => time / b[round]!));
}

/** |a - b| / |b|, both taken as vectors. */
export function relativeL2(actual: Float32Array, expected: Float32Array): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}
