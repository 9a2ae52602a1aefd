/**
 * Where the threads of a run wait for each other between operations. The lowest bit of the phase says whether the run ends
 * with the operation that they leave: one thread decides it, the last to arrive, so that all leave at the same place.
 */
import { ARRIVALS, PHASE, STOP, TILE } from './control';
import { hasFailed } from './failure';
import { now, wait } from './host';

/** How often a thread looks at the phase before it goes to sleep: a few microseconds. */
export const SPINS: i32 = 4000;

/** The phase that this thread waits to see end. */
let awaited: i32 = 0;

/** Arrives as one of `threads`; the last of them opens the next operation. */
export function arrive(threads: i32): void {
  if (ASC_FEATURE_THREADS) {
    awaited = atomic.load<i32>(PHASE);
    if (atomic.add<i32>(ARRIVALS, 1) < threads - 1) return;
    store<i32>(TILE, 0);
    atomic.store<i32>(ARRIVALS, 0);
    const ended = atomic.load<i32>(STOP) != 0 || hasFailed();
    atomic.add<i32>(PHASE, 2 + i32(ended) - (awaited & 1));
    atomic.notify(PHASE);
  } else {
    store<i32>(TILE, 0);
    store<i32>(PHASE, i32(load<i32>(STOP) != 0 || hasFailed()));
  }
}

/** Waits until all have arrived. */
export function waitForOthers(): void {
  if (ASC_FEATURE_THREADS) {
    if (hasOpened()) return;
    while (atomic.load<i32>(PHASE) == awaited) wait(PHASE, awaited, Infinity);
  }
}

/** Waits until all have arrived; returns false if that has not happened by `deadline`. */
export function waitUntil(deadline: f64): bool {
  if (ASC_FEATURE_THREADS) {
    if (hasOpened()) return true;
    const left = deadline - now();
    if (left > 0) wait(PHASE, awaited, left);
    return atomic.load<i32>(PHASE) != awaited;
  }
  return true;
}

/** Checks up to SPINS times whether all have arrived. */
function hasOpened(): bool {
  for (let i = 0; i < SPINS; i++) if (atomic.load<i32>(PHASE) != awaited) return true;
  return false;
}

/** Whether the run has ended with the operation that all have left. The phase stays until this thread arrives again. */
export function isEnded(): bool {
  return (ASC_FEATURE_THREADS ? atomic.load<i32>(PHASE) & 1 : load<i32>(PHASE)) != 0;
}
