/** The memory of temporaries. Runs of a device never overlap, so that its plans use one arena in turn. */

export interface Arena {
  readonly address: number;
}

/** What takes and frees blocks of the memory. */
export interface ArenaHost {
  allocate(bytes: number): number;
  release(address: number): void;
}

interface SharedArena extends Arena {
  readonly bytes: number;
  users: number;
}

export class Arenas {
  readonly #host: ArenaHost;
  #last: SharedArena | undefined;

  constructor(host: ArenaHost) {
    this.#host = host;
  }

  /** One of at least so many bytes, until it is given back: that which is there, or from now on a larger one. */
  take(bytes: number): Arena {
    if (!this.#last || this.#last.users === 0 || this.#last.bytes < bytes)
      this.#last = { address: this.#host.allocate(bytes), bytes, users: 0 };
    this.#last.users++;
    return this.#last;
  }

  /** Frees it when no plan uses it any more. */
  giveBack(arena: Arena): void {
    const shared = arena as SharedArena;
    if (--shared.users === 0) this.#host.release(shared.address);
  }
}
