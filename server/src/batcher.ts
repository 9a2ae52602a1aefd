/** Dynamic batching: images that differ in prompt, seed and guidance alone are drawn together, whoever asked for them. */
import { ArgumentError, type Picture, type Pipeline } from 'incache';
import { ApiError } from './apiError.js';
import { drawBatch, type Row } from './drawBatch.js';
import type { AcceptedDrawing, Drawer, DrawerCounts, Drawing, Drawn } from './drawing.js';
import { FairQueue } from './fairQueue.js';
import { LinkedSignal } from './linkedSignal.js';
import type { BatchingOptions, ResolvedLimits } from './options.js';
import type { PngEncoder } from './pngEncoder.js';

export interface BatcherOptions {
  readonly limits: Pick<ResolvedLimits, 'queue' | 'queuePerUser'>;
  readonly batching: Required<BatchingOptions>;
  readonly encoder: Pick<PngEncoder, 'encode'>;
  /** Told of every batch. */
  readonly onBatch?: (batch: BatchRecord) => void;
}

/** Times in milliseconds. */
export interface BatchRecord {
  readonly images: number;
  /** From the start to the pictures, which are not encoded yet. */
  readonly milliseconds: number;
  /** What the images have waited. */
  readonly waited: readonly number[];
}

interface WaitingRow extends Row {
  readonly user: string;
  readonly key: string;
  readonly since: number;
  readonly resolve: (drawn: Drawn) => void;
  readonly reject: (error: unknown) => void;
}

/** Of the mean time of an image, the share that the newest batch has. */
const NEWEST = 0.2;
/** Seconds of an image before one has been drawn. */
const FIRST_GUESS = 1;

export class Batcher implements Drawer {
  readonly #pipeline: Pipeline;
  readonly #options: BatcherOptions;
  readonly #queue = new FairQueue<WaitingRow>();
  /** The rows that are drawn now. */
  #batch: { readonly rows: readonly WaitingRow[]; readonly stop: AbortController } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #secondsPerImage = FIRST_GUESS;

  constructor(pipeline: Pipeline, options: BatcherOptions) {
    this.#pipeline = pipeline;
    this.#options = options;
  }

  async counts(): Promise<DrawerCounts> {
    return { waiting: this.#queue.length, drawing: this.#batch?.rows.length ?? 0 };
  }

  async accept(drawing: Drawing): Promise<AcceptedDrawing> {
    return { drawn: this.draw(drawing) };
  }

  /** As `accept`, at once: throws, or promises the pictures. */
  draw(given: Drawing): Promise<Drawn[]> {
    given.signal.throwIfAborted();
    this.#requireRoom(given);
    // Once it has ended, however it did, nothing is drawn for it or told to it any more.
    const end = new LinkedSignal(given.signal);
    const drawing = { ...given, signal: end.signal };
    const drawn = drawing.images.map((_, place) => this.#wait(drawing, place));
    drawing.signal.addEventListener('abort', () => this.#leave(drawing), { once: true });
    this.#start();
    // Where one has failed the others are for nobody.
    return Promise.all(drawn).finally(() => {
      end[Symbol.dispose]();
      end.abort();
    });
  }

  #requireRoom({ user, images }: Drawing): void {
    const { queue, queuePerUser } = this.#options.limits;
    const isFull = this.#queue.length + images.length > queue;
    if (!isFull && this.#queue.lengthOf(user) + images.length <= queuePerUser) return;
    const whose = isFull ? 'the queue is full' : 'too many of your images are waiting';
    const retryAfter = Math.max(1, Math.ceil(this.#queue.length * this.#secondsPerImage));
    throw new ApiError(429, `${whose}; try again in about ${retryAfter} s`, {
      code: 'rate_limit_exceeded',
      retryAfter,
    });
  }

  #wait(drawing: Drawing, place: number): Promise<Drawn> {
    const drawn = new Promise<Drawn>((resolve, reject) =>
      this.#queue.add({
        ...{ drawing, place, resolve, reject },
        user: drawing.user,
        key: drawing.key,
        since: performance.now(),
      }),
    );
    // `draw` waits for all, and throws what the first one rejects with.
    drawn.catch(() => {});
    return drawn;
  }

  /** Takes out what still waits; the batch that is drawn goes on while somebody waits for an image of it. */
  #leave(drawing: Drawing): void {
    const { reason } = drawing.signal;
    for (const row of this.#queue.remove((each) => each.drawing === drawing)) row.reject(reason);
    const { rows = [], stop } = this.#batch ?? {};
    for (const row of rows) if (row.drawing === drawing) row.reject(reason);
    if (rows.length > 0 && rows.every((row) => row.drawing.signal.aborted)) stop!.abort(reason);
  }

  /** An idle server waits a little for others, unless a batch is full. */
  #start(): void {
    if (this.#batch || this.#queue.length === 0) return;
    const { size, window } = this.#options.batching;
    if (this.#queue.ready >= size) this.#next();
    else this.#timer ??= setTimeout(() => this.#next(), window);
  }

  #next(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rows = this.#queue.take((_, ready) => this.#sizeOf(ready));
    if (rows.length === 0) return;
    this.#batch = { rows, stop: new AbortController() };
    void this.#draw(rows, this.#batch.stop.signal).then(() => {
      this.#batch = undefined;
      if (this.#queue.length > 0) this.#next();
    });
  }

  /** A power of two, so that the sessions of a few sizes serve all: others would have to be set up anew. */
  #sizeOf(ready: number): number {
    return Math.min(this.#options.batching.size, 2 ** Math.floor(Math.log2(ready)));
  }

  /** Never rejects. */
  async #draw(rows: readonly WaitingRow[], signal: AbortSignal): Promise<void> {
    const start = performance.now();
    try {
      const { pictures } = await drawBatch(this.#pipeline, rows, signal);
      const milliseconds = performance.now() - start;
      this.#record(rows, start, milliseconds);
      // The next batch does not wait for it.
      for (const [i, row] of rows.entries()) void this.#deliver(row, pictures[i]!);
    } catch (error) {
      await this.#fail(rows, error, signal);
    }
  }

  /** Never rejects. */
  async #deliver({ drawing, place, resolve, reject }: WaitingRow, picture: Picture): Promise<void> {
    const { signal, onImage } = drawing;
    try {
      signal.throwIfAborted();
      const drawn = { png: await this.#options.encoder.encode(picture) };
      signal.throwIfAborted();
      onImage?.(place, drawn);
      resolve(drawn);
    } catch (error) {
      reject(error);
    }
  }

  /** What one image is to blame for, the others of its batch shall not suffer: each is drawn by itself. */
  async #fail(rows: readonly WaitingRow[], error: unknown, signal: AbortSignal): Promise<void> {
    if (rows.length === 1 || signal.aborted || error instanceof ArgumentError) {
      for (const { reject } of rows) reject(error);
      return;
    }
    for (const row of rows) {
      using either = new LinkedSignal(signal, row.drawing.signal);
      if (row.drawing.signal.aborted) row.reject(row.drawing.signal.reason);
      else await this.#draw([row], either.signal);
    }
  }

  #record(rows: readonly WaitingRow[], start: number, milliseconds: number): void {
    const seconds = milliseconds / 1000 / rows.length;
    this.#secondsPerImage += NEWEST * (seconds - this.#secondsPerImage);
    this.#options.onBatch?.({
      images: rows.length,
      milliseconds,
      waited: rows.map(({ since }) => start - since),
    });
  }
}
