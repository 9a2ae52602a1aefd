/**
 * How backends that compute on the calling thread share it with the event loop: they compute for a while, give the loop a turn, in
 * which signals, timers and other work of the program are served, and go on. There is one event loop for each thread,
 * so this state is that of the module; devices that run at once take turns.
 */

import { afterTurn, pause } from '#platform/eventLoop';

/** Milliseconds of computing between two turns of the event loop. Operations that cannot be interrupted may exceed it. */
const SLICE = 8;

/** When computing began after the last turn of the event loop; undefined if it has not. */
let since: number | undefined;
let lastTurn: Promise<void> = Promise.resolve();

/** When computing should stop for a turn, in milliseconds of `performance.now()`. */
export function sliceEnd(): number {
  if (since === undefined) {
    since = performance.now();
    afterTurn(() => {
      since = undefined;
    });
  }
  return since + SLICE;
}

/** Whether the event loop should have a turn now. */
export function isSliceOver(): boolean {
  return performance.now() > sliceEnd();
}

/** Work that can stop at each `yield`: for a turn of the event loop, or not. */
export type Pieces<T> = Generator<undefined, T>;

export function atOnce<T>(pieces: Pieces<T>): T {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
  }
}

/** As `atOnce`, with a turn of the event loop wherever the work can stop. */
export async function inTurns<T>(pieces: Pieces<T>): Promise<T> {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
    await turn();
  }
}

/** Gives the event loop a turn. Of several callers, each resumes after a turn of its own, in the order of the calls. */
export function turn(): Promise<void> {
  lastTurn = lastTurn.then(() => pause());
  return lastTurn;
}
