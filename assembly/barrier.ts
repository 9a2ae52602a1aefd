/** Where the threads of a run wait for each other between operations. */
import { ABANDONED, ARRIVALS, PHASE } from './control';
import { wait } from './host';

/** Looks at the phase before a thread goes to sleep: a few microseconds. */
export const SPINS: i32 = 4000;
/** Milliseconds after which a waiting host looks whether its workers still live. */
const PATIENCE: f64 = 100;

/** The phase to wait out; read before arriving. */
export function currentPhase(): i32 {
  return atomic.load<i32>(PHASE);
}

/** Arrives; the last thread runs the rest through `release`. Returns whether this was the last one. */
export function arriveLast(threads: i32): bool {
  return atomic.add<i32>(ARRIVALS, 1) == threads - 1;
}

/** Lets all threads go on; called by the last to arrive. */
export function release(): void {
  atomic.store<i32>(ARRIVALS, 0);
  atomic.add<i32>(PHASE, 1);
  atomic.notify(PHASE);
}

/** Waits until the phase is no longer `phase`. A host gives up after a while, and returns false. */
export function waitPhase(phase: i32, isHost: bool): bool {
  for (let i = 0; i < SPINS; i++) if (atomic.load<i32>(PHASE) != phase) return true;
  if (isHost) {
    wait(PHASE, phase, PATIENCE);
    return atomic.load<i32>(PHASE) != phase;
  }
  while (atomic.load<i32>(PHASE) == phase) wait(PHASE, phase, Infinity);
  return true;
}

/** Whether the host has given up on a run of which a thread has died. */
export function isAbandoned(): bool {
  return atomic.load<i32>(ABANDONED) != 0;
}
