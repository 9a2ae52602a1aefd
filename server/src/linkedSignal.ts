/**
 * A signal that is aborted with any of others, and is unlinked from them when it is disposed of. `AbortSignal.any` is not: on Node 20 a
 * signal that it made and somebody listened to can stay in memory for ever, with all that the listener knows.
 */
export class LinkedSignal implements Disposable {
  readonly #controller = new AbortController();
  readonly #links: readonly { readonly source: AbortSignal; readonly abort: () => void }[];

  constructor(...sources: readonly AbortSignal[]) {
    this.#links = sources.map((source) => ({ source, abort: () => this.abort(source.reason) }));
    for (const { source, abort } of this.#links)
      if (source.aborted) abort();
      else source.addEventListener('abort', abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts this signal alone. */
  abort(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    for (const { source, abort } of this.#links) source.removeEventListener('abort', abort);
  }
}
