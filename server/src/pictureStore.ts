/** Pictures that clients come back for by an address nobody can guess, kept for an hour in bounded memory. */
import { randomBytes } from 'node:crypto';

const LIFETIME = 3600_000;
const MOST_BYTES = 64 * 2 ** 20;
/** What a picture takes beside its bytes, with room to spare. */
const ENTRY_BYTES = 1024;

interface Stored {
  readonly png: Uint8Array;
  readonly since: number;
}

export class PictureStore {
  /** The oldest first. */
  readonly #pictures = new Map<string, Stored>();
  readonly #mostBytes: number;
  #bytes = 0;

  /** @param mostBytes that all pictures together may take; the oldest go first */
  constructor(mostBytes = MOST_BYTES) {
    this.#mostBytes = mostBytes;
  }

  /** Returns the name under which the picture is found. */
  add(png: Uint8Array): string {
    const name = randomBytes(16).toString('hex');
    this.#pictures.set(name, { png, since: performance.now() });
    this.#bytes += png.length + ENTRY_BYTES;
    this.#clean();
    return name;
  }

  find(name: string): Uint8Array | undefined {
    this.#clean();
    return this.#pictures.get(name)?.png;
  }

  #clean(): void {
    for (const [name, { png, since }] of this.#pictures) {
      if (this.#bytes <= this.#mostBytes && performance.now() - since < LIFETIME) return;
      this.#pictures.delete(name);
      this.#bytes -= png.length + ENTRY_BYTES;
    }
  }
}
