/** Timing of contenders in turn, so that what else the machine does falls on all of them alike. */

export interface Contender {
  readonly name: string;
  readonly flops: number;
  run(): Promise<void> | void;
}

/** Milliseconds of every round of one contender. */
export type Times = readonly number[];

/** Runs every contender once a round, after `warmUp` rounds that do not count. */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
  warmUp: number,
): Promise<Times[]> {
  const times: number[][] = contenders.map(() => []);
  for (let round = -warmUp; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const start = performance.now();
      await contender.run();
      if (round >= 0) times[i]!.push(performance.now() - start);
    }
  }
  return times;
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
