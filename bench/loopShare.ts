/** How near a contender comes to the multiply-add loop that was timed in the same rounds. */
import { type Contender, medianRatio, type Times } from '../src/bench/measure.js';
import { median } from '../src/median.js';

/** A contender and its times. */
export interface Timed {
  readonly contender: Contender;
  readonly times: Times;
}

/** Fields of a row; undefined without a loop. */
export interface LoopShare {
  /** The loop and its rate on one thread. */
  readonly loop?: string | undefined;
  readonly loopGflops?: number | undefined;
  /** Rate over that of the loop times the threads, round by round. */
  readonly ofLoop?: number | undefined;
}

/** Of `flops` that took `times` on so many threads. */
export function loopShare(loop: Timed | undefined, times: Times, flops: number, threads: number): LoopShare {
  if (!loop) return { loop: undefined, loopGflops: undefined, ofLoop: undefined };
  const { name, flops: loopFlops } = loop.contender;
  return {
    loop: name,
    loopGflops: loopFlops / median(loop.times) / 1e6,
    ofLoop: (medianRatio(loop.times, times) * flops) / (loopFlops * threads),
  };
}
