/** A file of rows of one size that only grows, and is cut back to what was known to be whole. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { FormatError, IncacheError } from '../../errors.js';

export class RowFile implements Disposable {
  readonly #file: number;
  #rows: number;
  #open = true;

  /** Opens or makes the file and keeps its first `rows` rows. Throws a `FormatError` when it has fewer. */
  constructor(
    readonly path: string,
    readonly rowBytes: number,
    rows: number,
  ) {
    this.#file = openRows(path);
    this.#rows = rows;
    const { size } = fstatSync(this.#file);
    if (size < rows * rowBytes) {
      closeSync(this.#file);
      throw new FormatError(
        `${path} holds ${size} bytes; expected at least ${rows * rowBytes}, ${rows} rows of ${rowBytes}`,
      );
    }
    ftruncateSync(this.#file, rows * rowBytes);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Whole rows, behind the last one. Throws an `IncacheError` that names the file when they cannot be written. */
  append(bytes: Uint8Array): void {
    let place = this.#rows * this.rowBytes;
    for (let done = 0; done < bytes.length; ) {
      const written = attempt(this.path, () =>
        writeSync(this.#file, bytes, done, bytes.length - done, place),
      );
      done += written;
      place += written;
    }
    this.#rows += bytes.length / this.rowBytes;
  }

  /** Keeps the first `rows` rows. */
  cut(rows: number): void {
    attempt(this.path, () => ftruncateSync(this.#file, rows * this.rowBytes));
    this.#rows = rows;
  }

  /** Returns when the rows are on the disk. */
  sync(): void {
    attempt(this.path, () => fsyncSync(this.#file));
  }

  /** Rows first to first + count - 1. */
  read(first: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count * this.rowBytes);
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(this.#file, bytes, done, bytes.length - done, first * this.rowBytes + done);
      if (read === 0) throw new IncacheError(`${this.path} ends before row ${first + count - 1}`);
      done += read;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.#file);
    this.#open = false;
  }
}

function openRows(path: string): number {
  // Not in append mode, in which Linux ignores the place of a write.
  return attempt(path, () => openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666));
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new IncacheError(`cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}
