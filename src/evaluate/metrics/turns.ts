import { pause } from '#platform/eventLoop';

/** Keeps long loops on this thread from holding up signals, timers and other work. */

/** Milliseconds of work between two turns of the event loop. */
const LONGEST = 20;

export class Turns {
  #last = performance.now();

  constructor(readonly signal?: AbortSignal) {}

  /** To be awaited often: lets the event loop turn when its time has come. Rejects when the signal is aborted. */
  async take(): Promise<void> {
    if (performance.now() - this.#last >= LONGEST) {
      await pause();
      this.#last = performance.now();
    }
    this.signal?.throwIfAborted();
  }
}
