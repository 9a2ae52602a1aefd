/** Reading a file at any place, with errors that name it. */
import { openFile } from '#platform/files';
import { FormatError, IncacheError } from '../errors.js';
import type { OpenFile } from '../platform/types.js';

export class FileBytes implements Disposable {
  readonly size: number;
  #file: OpenFile | undefined;

  private constructor(
    readonly path: string,
    file: OpenFile,
  ) {
    this.size = file.size;
    this.#file = file;
  }

  /** Throws an `IncacheError` when there is no file that can be read, or something that is not a regular file. */
  static open(path: string): FileBytes {
    return new FileBytes(
      path,
      attempt(path, () => openFile(path)),
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
      const count = attempt(this.path, () => file.read(target.subarray(done), position + done));
      if (count === 0)
        throw new FormatError(
          `${this.path} ends at byte ${position + done}; ${target.length - done} more were expected`,
        );
      done += count;
    }
    return target;
  }

  close(): void {
    this.#file?.close();
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
