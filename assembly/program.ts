/**
 * Runs a program: a list of operations, each cut into tiles of work that threads take from a counter, with
 * a barrier between one operation and the next. A tile is computed by one thread from start to end, so that
 * the result is the same bits whatever the number of threads.
 *
 *     operation   [code][tiles][address of the arguments], 16 bytes apart
 */
import { arrive, isEnded, SPINS, waitForOthers, waitUntil } from './barrier';
import { EPOCH, JOINED, OPERATIONS, PAGES, PROGRAM, SCRATCH, SCRATCH_STRIDE, TILE } from './control';
import { enterOperation } from './failure';
import { now, seeGrowth, wait } from './host';
import { runTile } from './kernels';
import { forgetPacked } from './scratch';

const OPERATION_BYTES: usize = 16;

@unmanaged
class Operation {
  code: i32;
  tiles: i32;
  arguments: usize;
}

/** What `run` and `resume` return. */
export const DONE: i32 = 0;
/** The host's time is over. Workers go on without it; it calls `resume` when it has looked after other things. */
export const LATER: i32 = 1;

/** Where this thread is in the program. */
let operationIndex: i32 = 0;
/** Whether it waits at the barrier behind that operation. */
let hasArrived: bool = false;
let threads: i32 = 1;
/** When the host wants to have its thread back. */
let deadline: f64 = 0;
/** Whether the host takes its next tile without a look at the clock: a busy event loop slows a run down, but never stops it. */
let owesTile: bool = false;

/** The host's part of a run, as thread 0 of `threadCount`. Returns DONE or LATER. */
export function run(threadCount: i32, until: f64): i32 {
  threads = threadCount;
  enter(0);
  return resume(until);
}

/** Goes on with a run that returned LATER. */
export function resume(until: f64): i32 {
  deadline = until;
  owesTile = true;
  return proceed(0);
}

/** The life of a worker: joins, then takes part in every run that counts it in. Never returns. */
export function work(): void {
  if (ASC_FEATURE_THREADS) {
    let seen = atomic.load<i32>(EPOCH);
    const thread = atomic.add<i32>(JOINED, 1) + 1;
    while (true) {
      seen = nextEpoch(seen);
      threads = seen & 0xff;
      if (thread >= threads) continue;
      if (memory.size() < load<i32>(PAGES)) seeGrowth();
      enter(0);
      proceed(thread);
    }
  }
}

/** Waits until the epoch is another one: awake for some microseconds, then asleep. */
function nextEpoch(seen: i32): i32 {
  for (let i = 0; i < SPINS; i++) {
    const epoch = atomic.load<i32>(EPOCH);
    if (epoch != seen) return epoch;
  }
  while (true) {
    wait(EPOCH, seen, Infinity);
    const epoch = atomic.load<i32>(EPOCH);
    if (epoch != seen) return epoch;
  }
}

function enter(index: i32): void {
  operationIndex = index;
  hasArrived = false;
  enterOperation(index);
  forgetPacked();
}

/** Runs operations from where this thread is. A worker returns when the run has ended. */
function proceed(thread: i32): i32 {
  const isHost = thread == 0;
  const count = load<i32>(OPERATIONS);
  const scratch = load<usize>(SCRATCH) + <usize>thread * load<usize>(SCRATCH_STRIDE);
  while (operationIndex < count) {
    if (!hasArrived) {
      if (!takeTiles(isHost, scratch)) return LATER;
      arrive(threads);
      hasArrived = true;
    }
    if (!isHost) waitForOthers();
    else if (!waitUntil(deadline)) return LATER;
    if (isEnded()) return DONE;
    enter(operationIndex + 1);
  }
  return DONE;
}

/** Tiles of an operation until none is left, or until the host's time is over and it has done one: then it returns false. */
function takeTiles(isHost: bool, scratch: usize): bool {
  const operation = changetype<Operation>(load<usize>(PROGRAM) + <usize>operationIndex * OPERATION_BYTES);
  const code = operation.code;
  const tiles = operation.tiles;
  const a = operation.arguments;
  while (!isHost || owesTile || now() <= deadline) {
    const tile = nextTile();
    if (tile >= tiles) return true;
    owesTile = false;
    runTile(code, a, tile, scratch);
  }
  return false;
}

function nextTile(): i32 {
  if (ASC_FEATURE_THREADS) return atomic.add<i32>(TILE, 1);
  const tile = load<i32>(TILE);
  store<i32>(TILE, tile + 1);
  return tile;
}
