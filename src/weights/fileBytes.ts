/** Reading a file at any place, with errors that name it. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { FormatError, IncacheError } from '../errors.js';

/** A system call takes at most 2^31 - 1 bytes. */
const MAX_READ = 2 ** 30;

export class FileBytes implements Disposable {
  #file: number | undefined;

  private constructor(
    readonly path: string,
    file: number,
    readonly size: number,
  ) {
    this.#file = file;
  }

  /** Throws an `IncacheError` when there is no file that can be read, or something that is not a regular file. */
  static open(path: string): FileBytes {
    // Before it is opened, since opening a pipe waits for its writer.
    const status = attempt(path, () => statSync(path));
    if (!status.isFile()) throw new IncacheError(`cannot read ${path}: it is not a file`);
    return new FileBytes(
      path,
      attempt(path, () => openSync(path, 'r')),
      status.size,
    );
  }

  /**
   * Fills `target` with the bytes from `position` on and returns it. Throws a `FormatError` when the file ends before,
   * an `IncacheError` when it cannot be read or has been closed.
   */
  read(target: Uint8Array, position: number): Uint8Array {
    const file = this.#file;
    if (file === undefined) throw new IncacheError(`${this.path} has been closed`);
    for (let done = 0; done < target.length; ) {
      const length = Math.min(target.length - done, MAX_READ);
      const count = attempt(this.path, () => readSync(file, target, done, length, position + done));
      if (count === 0)
        throw new FormatError(
          `${this.path} ends at byte ${position + done}; ${target.length - done} more were expected`,
        );
      done += count;
    }
    return target;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new IncacheError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}
