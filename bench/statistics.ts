/** What a sample of times says, by Benchmark.js; its harness times one contender after another, so the samples are ours. */
import Benchmark from 'benchmark';
import { quantile, type Times } from '../src/bench/measure.js';
import { median } from '../src/median.js';

/** In milliseconds. */
export interface Statistics {
  readonly samples: number;
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  readonly mean: number;
  /** Standard error of the mean. */
  readonly sem: number;
  /** Relative margin of error of the mean at 95 % by Student's t, in per cent. */
  readonly rme: number;
}

export async function statisticsOf(times: Times): Promise<Statistics> {
  const { mean, sem, rme } = (await replay(times)).stats;
  return {
    samples: times.length,
    median: median(times),
    p10: quantile(times, 0.1),
    p90: quantile(times, 0.9),
    mean,
    sem,
    rme,
  };
}

export type Verdict = 'faster' | 'slower' | 'not told apart';

/** How a compares with b: by the ranks of their times, at 95 % (Mann and Whitney's U). */
export async function verdict(a: Times, b: Times): Promise<Verdict> {
  const [first, second] = await Promise.all([replay(a), replay(b)]);
  const sign = first.compare(second);
  if (sign === 0) return 'not told apart';
  // Its sample is of times, and it calls the greater of two samples the greater.
  return median(a) < median(b) ? 'faster' : 'slower';
}

/** Enough for what the replay itself takes not to show in the last digits. */
const SECONDS_A_MILLISECOND = 1000;

/**
 * A benchmark that was run on these times, its statistics in milliseconds. Its clock is real: each cycle claims to have
 * begun so long ago, in seconds for milliseconds, then ends.
 */
async function replay(times: Times): Promise<Benchmark> {
  let next = 0;
  const fn = (deferred: Benchmark.Deferred) => {
    const seconds = times[next++]! * SECONDS_A_MILLISECOND;
    Object.assign(deferred, { timeStamp: secondsAgo(seconds) });
    deferred.resolve();
  };
  const benchmark = await new Promise<Benchmark>((resolve, reject) => {
    const instance: Benchmark = new Benchmark({
      defer: true,
      delay: 1e-3,
      initCount: 1,
      minTime: Number.MIN_VALUE,
      minSamples: times.length,
      // Below 0 no time is spent on more samples than those.
      maxTime: -1,
      fn,
      onComplete: () => (instance.error ? reject(instance.error) : resolve(instance)),
    });
    instance.run();
  });
  const { stats } = benchmark;
  for (const name of ['mean', 'sem', 'moe', 'deviation'] as const) stats[name] /= SECONDS_A_MILLISECOND;
  return benchmark;
}

/** As `process.hrtime()` would have said then. */
function secondsAgo(seconds: number): [number, number] {
  const [whole, nanoseconds] = process.hrtime();
  const back = Math.floor(seconds);
  return [whole - back, nanoseconds - Math.round((seconds - back) * 1e9)];
}
