/**
 * Everything that a device does: one thing after another, in the order in which it was asked for. Copies take their turn
 * too, so that none of them has to wait on the main thread for a run.
 */
export class RunQueue {
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  /** Starts `run` when what was asked for before has ended, however it did: at once when nothing is under way. */
  add<T>(run: () => Promise<T>): Promise<T> {
    const first = this.#isIdle;
    this.#pending++;
    const result = first ? run() : this.#last.then(run);
    const end = () => {
      this.#pending--;
    };
    this.#last = result.then(end, end);
    return result;
  }

  /** Makes a copy, or whatever else waits for nothing, in its turn. */
  async copy<T>(copy: () => T): Promise<T> {
    return this.#isIdle ? copy() : this.add(async () => copy());
  }

  /** What `data` holds now, for work that takes its turn: a copy, unless that turn has come. */
  keep<T extends Float32Array | Int32Array | Uint16Array>(data: T): T {
    return this.#isIdle ? data : (data.slice() as T);
  }

  /** Resolves when what was asked for so far has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }

  get #isIdle(): boolean {
    return this.#pending === 0;
  }
}
