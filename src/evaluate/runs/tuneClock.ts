/** The time that a tuning may take, and what is left of it for measuring. */

/** Share of the whole time that is kept for timing the finalists. */
export const RESERVED = 0.2;

export class TuneClock implements Disposable {
  /** The whole time. */
  readonly seconds: number;
  readonly #started: number;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #late = new AbortController();
  readonly #interrupt: AbortSignal | undefined;

  /** `interrupt` is the caller's signal; `now` gives milliseconds. */
  constructor(seconds: number, interrupt?: AbortSignal, now: () => number = () => performance.now()) {
    this.seconds = seconds;
    this.#now = now;
    this.#started = now();
    this.#interrupt = interrupt;
    this.#timer = setTimeout(
      () => this.#late.abort(new Error('the time for tuning is over')),
      this.measuringSeconds * 1000,
    );
    interrupt?.addEventListener('abort', this.#interrupted, { once: true });
  }

  get elapsed(): number {
    return (this.#now() - this.#started) / 1000;
  }

  /** The part of the whole in which candidates are measured; the rest is for timing. */
  get measuringSeconds(): number {
    return this.seconds * (1 - RESERVED);
  }

  /** Whether so many seconds more of measuring end in time. */
  has(seconds: number): boolean {
    return this.elapsed + seconds <= this.measuringSeconds;
  }

  /** Whether so many seconds more of timing do. */
  hasAtAll(seconds: number): boolean {
    return this.elapsed + seconds <= this.seconds;
  }

  /** Ends what is measured when its time is over, and when the caller says so. */
  get signal(): AbortSignal {
    return this.#late.signal;
  }

  /** Whether it was the time that ended a measurement. */
  get isOver(): boolean {
    return this.#late.signal.aborted && !this.#interrupt?.aborted;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#interrupt?.removeEventListener('abort', this.#interrupted);
  }

  readonly #interrupted = () => this.#late.abort(this.#interrupt!.reason);
}
