/**
 * Runs a program: a list of operations, each cut into tiles of work that threads take from a counter, with
 * a barrier between one operation and the next. One thread computes a tile from start to end, so the number of threads
 * changes no bit of the result.
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
/** The host's time slice is over. Workers go on without it; it calls `resume` when it is ready to go on. */
export const LATER: i32 = 1;

/** The operation that this thread is at. */
let operationIndex: i32 = 0;
/** Whether this thread waits at the barrier after that operation. */
let hasArrived: bool = false;
let threads: i32 = 1;
/** When the host wants its thread back. */
let deadline: f64 = 0;
/** Whether the host takes its next tile without looking at the clock, so that a busy event loop slows a run but never stops it. */
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

/** What a worker does all its life: it joins, then takes part in every run that includes it. Never returns. */
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

/** Waits until the epoch changes: some microseconds awake, then asleep. */
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

/** Runs operations, beginning with the one that this thread is at. A worker returns when the run has ended. */
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

/** Computes tiles of an operation until none is left. Returns false if the host's time is over first and it owes no tile. */
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
