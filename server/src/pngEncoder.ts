/** Makes PNGs in threads of their own: of a large picture that takes a tenth of a second, in which the server would answer nobody. */
import { fileURLToPath } from 'node:url';
import type { Picture } from 'incache';
import { Piscina } from 'piscina';
import type { Pixels } from './pngWorker.js';

const WORKER = fileURLToPath(new URL('./pngWorker.js', import.meta.url));
const THREADS = 2;
/** Milliseconds after which a thread without work ends: many times what passes between two batches, as starting one stalls the event loop. */
const IDLE = 60_000;

export class PngEncoder {
  readonly #pool = new Piscina<Pixels, Uint8Array>({
    filename: WORKER,
    minThreads: 1,
    maxThreads: THREADS,
    idleTimeout: IDLE,
  });

  encode({ width, height, channels, data }: Picture): Promise<Uint8Array> {
    return this.#pool.run({ width, height, channels, data });
  }

  /** What is being encoded is given up. */
  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
