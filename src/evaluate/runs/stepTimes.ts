/** The time of a run as later runs of its session take it, from the steps of one run. */

import { median } from '../../median.js';
import type { SampleStep } from '../../pipeline/result.js';

/**
 * In a session's first run the system gives the cache its pages, and step 0 makes the conditioning of all. Steps of as many
 * multiply-accumulates do the same work, so each is taken to last as long as the median of its kind.
 */
export class StepTimes {
  /** Milliseconds of steps, by their multiply-accumulates. */
  readonly #kinds = new Map<number, number[]>();

  add({ macs, milliseconds }: Pick<SampleStep, 'macs' | 'milliseconds'>): void {
    const kind = this.#kinds.get(macs);
    if (kind) kind.push(milliseconds);
    else this.#kinds.set(macs, [milliseconds]);
  }

  /** Of all steps together. */
  get milliseconds(): number {
    let sum = 0;
    for (const times of this.#kinds.values()) sum += times.length * median(times);
    return sum;
  }
}
