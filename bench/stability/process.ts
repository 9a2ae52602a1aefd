/**
 * Opens, runs and closes pipelines on the native backend, then stops runs in their middle, and prints as JSON what the
 * memory of the process did. `run.ts` starts it. Arguments: model, cycles, runs to stop.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DiTPipeline, type SampleOptions } from '../../src/index.js';

export interface StabilityFigures {
  readonly cycles: number;
  readonly abortedRuns: number;
  /** Resident bytes in the warm-up (the highest), after the cycles and after the runs that were stopped, garbage collected. */
  readonly rssBefore: number;
  readonly rssAfterCycles: number;
  readonly rssAfterAborted: number;
  /** The most that any device still held when all that was made on it had been disposed of. */
  readonly heldAfterCycle: number;
  /** The most that a stopped run left on the device. */
  readonly heldAfterAborted: number;
}

const OPTIONS: SampleOptions = { labels: [0, 1], steps: 4, cache: { policy: 'reuse', period: 2 } };

/** Longer than the time given to it, with a table of modulation vectors that is small beside the growth looked for. */
const LONG_OPTIONS: SampleOptions = { ...OPTIONS, steps: 100 };

const [path, cycles, abortedRuns] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];

/** Pools of the allocator, of the engine and of the threads have their size by then. */
const warmUp = Math.max(100, cycles / 5);
const WARM_UP_PARTS = 10;

const rssBefore = await settledBytes();
const heldAfterCycle = await runCycles(cycles);
const rssAfterCycles = await residentBytes();
const heldAfterAborted = await abortRuns(abortedRuns);
const rssAfterAborted = await residentBytes();
const figures: StabilityFigures = {
  ...{ cycles, abortedRuns, rssBefore, rssAfterCycles, rssAfterAborted, heldAfterCycle, heldAfterAborted },
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

async function runCycles(count: number): Promise<number> {
  let held = 0;
  for (let i = 0; i < count; i++) {
    const weights = i % 2 ? 'bf16' : 'f32';
    const pipeline = await DiTPipeline.load(path, { backend: 'native', threads: 2, weights });
    await pipeline.generate(OPTIONS);
    pipeline.weights.dispose();
    held = Math.max(held, pipeline.device.memoryInUse);
    await pipeline.dispose();
  }
  return held;
}

async function abortRuns(count: number): Promise<number> {
  await using pipeline = await DiTPipeline.load(path, { backend: 'native', threads: 2 });
  await pipeline.generate(OPTIONS);
  const before = pipeline.device.memoryInUse;
  let held = 0;
  for (let i = 0; i < count; i++) {
    const controller = new AbortController();
    const run = pipeline.generate({ ...LONG_OPTIONS, signal: controller.signal });
    const outcome = run.catch((error: unknown) => error);
    await sleep(i % 5);
    controller.abort(i);
    if ((await outcome) !== i) throw new Error(`run ${i} was not stopped: ${await outcome}`);
    held = Math.max(held, pipeline.device.memoryInUse - before);
  }
  return held;
}

async function residentBytes(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    global.gc!();
    // Finalizers run after the collection.
    await sleep(20);
  }
  return process.memoryUsage.rss();
}
