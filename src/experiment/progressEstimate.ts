/** How far an experiment is, and how long the rest will take. */
import type { Measurement } from './experiment.js';

export interface ExperimentProgress {
  /** The measurement that is taken. */
  readonly name: string;
  /** Share of the whole experiment, from 0 to 1. */
  readonly share: number;
  /** Estimate of the time left for the whole experiment; not there at the start. */
  readonly secondsLeft?: number;
}

export class ProgressEstimate {
  readonly #total: number;
  readonly #before: number;
  readonly #now: () => number;
  readonly #started: number;
  /** Work of measurements finished here and of earlier ones. */
  #finished: number;
  /** Work of the measurement under way. */
  #current = 0;

  /** `before`: work that an earlier process has done, which says nothing of this one's speed. */
  constructor(total: number, before: number, now = () => performance.now()) {
    this.#total = total;
    this.#before = before;
    this.#finished = before;
    this.#now = now;
    this.#started = now();
  }

  advance(measurement: Measurement, work: number): ExperimentProgress {
    // Work is an estimate: a measurement may not take more than its share.
    this.#current = Math.min(measurement.work, this.#current + work);
    return this.#progress(measurement);
  }

  finish(measurement: Measurement): ExperimentProgress {
    this.#finished += measurement.work;
    this.#current = 0;
    return this.#progress(measurement);
  }

  #progress({ name }: Measurement): ExperimentProgress {
    const done = this.#finished + this.#current;
    const here = done - this.#before;
    const seconds = (this.#now() - this.#started) / 1000;
    return {
      name,
      share: done / this.#total,
      ...(here > 0 && { secondsLeft: (seconds / here) * (this.#total - done) }),
    };
  }
}
