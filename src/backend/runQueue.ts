/** The runs of a device: one after another, in the order in which they were asked for. */
export class RunQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Starts `run` when the runs before it have ended, however they did. */
  add<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when the runs asked for so far have ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
