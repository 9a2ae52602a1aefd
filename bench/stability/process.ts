/**
 * Opens, runs, stops and closes pipelines on a backend, then stops runs on one that stays open, and prints as JSON what the memory of
 * the process did and how long closing held up the event loop. `run.ts` starts it. Arguments: backend, model, cycles, runs to stop.
 */
import { readFileSync } from 'node:fs';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { type DeviceOptions, Pipeline, type SampleOptions } from '../../src/index.js';

export interface StabilityFigures {
  readonly backend: string;
  readonly cycles: number;
  readonly abortedRuns: number;
  /** Resident bytes in the warm-up (the highest), after the cycles and after the runs that were stopped, garbage collected. */
  readonly rssBefore: number;
  readonly rssAfterCycles: number;
  readonly rssAfterAborted: number;
  /** The most that was ever resident. */
  readonly rssHighest: number;
  /** The most that any device still held when all that was made on it had been disposed of. */
  readonly heldAfterCycle: number;
  /** The most that a stopped run left on the device. */
  readonly heldAfterAborted: number;
  /**
   * Milliseconds for which the event loop stood still while a pipeline was closed, less the time that this thread waited for a
   * processor: half of the cycles, 999 of 1000, all.
   */
  readonly heldUp: { readonly median: number; readonly most: number; readonly longest: number };
}

const OPTIONS: SampleOptions = { labels: [0, 1], steps: 4, cache: { policy: 'reuse', period: 2 } };

/** Longer than the time given to it, with a table of modulation vectors that is small beside the growth looked for. */
const LONG_OPTIONS: SampleOptions = { ...OPTIONS, steps: 100 };

const THREADS = 2;

const [backend, path] = [process.argv[2]!, process.argv[3]!];
const [cycles, abortedRuns] = [Number(process.argv[4]), Number(process.argv[5])];
const [, other]: DeviceOptions['weights'][] = backend === 'native' ? ['f32', 'bf16'] : ['f32', 'int8'];

/** Pools of the allocator, of the engine and of the threads have their size by then. */
const warmUp = Math.min(400, Math.max(100, cycles / 5));
const WARM_UP_PARTS = 10;

/** Milliseconds for which each pipeline held up the event loop when it was closed. */
let pauses: number[] = [];
const rssBefore = await settledBytes();
pauses = [];
const heldAfterCycle = await runCycles(cycles);
const heldUp = spread(pauses);
const rssAfterCycles = await residentBytes();
const heldAfterAborted = await abortRuns(abortedRuns);
const rssAfterAborted = await residentBytes();
const figures: StabilityFigures = {
  ...{ backend, cycles, abortedRuns, rssBefore, rssAfterCycles, rssAfterAborted },
  rssHighest: process.resourceUsage().maxRSS * 1024,
  ...{ heldAfterCycle, heldAfterAborted, heldUp },
};
process.stdout.write(JSON.stringify(figures));

/**
 * The highest of what is resident after each part of the warm-up. One look is not enough: the system takes back pages
 * that are idle or were freed, 8 MiB of 70 at times, and what then returns is no growth.
 */
async function settledBytes(): Promise<number> {
  let highest = 0;
  for (let part = 0; part < WARM_UP_PARTS; part++) {
    await runCycles(Math.ceil(warmUp / WARM_UP_PARTS));
    await abortRuns(Math.ceil(warmUp / 4 / WARM_UP_PARTS));
    highest = Math.max(highest, await residentBytes());
  }
  return highest;
}

/** Every second pipeline runs to the end, the others are stopped in the middle of a run. */
async function runCycles(count: number): Promise<number> {
  let held = 0;
  for (let i = 0; i < count; i++) {
    const weights = i % 4 < 2 ? 'f32' : other!;
    const pipeline = await Pipeline.load(path, { backend, threads: THREADS, weights });
    if (i % 2) await stoppedRun(pipeline, i);
    else await pipeline.generate(OPTIONS);
    pipeline.releaseSessions();
    pipeline.weights.dispose();
    held = Math.max(held, pipeline.device.memoryInUse);
    await close(pipeline);
  }
  return held;
}

/** Closes a pipeline and takes down the longest time for which the event loop stood still meanwhile. */
async function close(pipeline: Pipeline): Promise<void> {
  let closed = false;
  let longest = 0;
  let last = ownTime();
  const closing = pipeline.dispose().then(() => {
    closed = true;
  });
  while (!closed) {
    longest = Math.max(longest, ownTime() - last);
    last = ownTime();
    await setImmediate();
  }
  await closing;
  pauses.push(longest);
}

/** The time in milliseconds, less what this thread has spent ready to run and without a processor, where the system tells. */
function ownTime(): number {
  const waited =
    process.platform === 'linux' ? readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1] : 0;
  return performance.now() - Number(waited) / 1e6;
}

async function abortRuns(count: number): Promise<number> {
  await using pipeline = await Pipeline.load(path, { backend, threads: THREADS });
  await pipeline.generate(OPTIONS);
  const before = pipeline.device.memoryInUse;
  let held = 0;
  for (let i = 0; i < count; i++) {
    await stoppedRun(pipeline, i);
    held = Math.max(held, pipeline.device.memoryInUse - before);
  }
  return held;
}

/** Starts a run and stops it some milliseconds later. */
async function stoppedRun(pipeline: Pipeline, i: number): Promise<void> {
  const controller = new AbortController();
  const run = pipeline.generate({ ...LONG_OPTIONS, signal: controller.signal });
  const outcome = run.catch((error: unknown) => error);
  await sleep(i % 5);
  controller.abort(i);
  if ((await outcome) !== i) throw new Error(`run ${i} was not stopped: ${await outcome}`);
}

async function residentBytes(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    (global.gc as () => void)();
    // Finalizers run after the collection.
    await sleep(20);
  }
  return process.memoryUsage.rss();
}

function spread(milliseconds: number[]): StabilityFigures['heldUp'] {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
  return { median: at(0.5), most: at(0.999), longest: at(1) };
}
