/** Files that are there whole or not at all. */
import { pause } from '#platform/eventLoop';
import { createFile } from '#platform/files';
import { IncacheError } from '../errors.js';
import type { NewFile } from '../platform/types.js';

/** Writes chunks of a file in order. */
export type ChunkWriter = (chunk: Uint8Array) => void;

/**
 * Writes `path` through a temporary name in the same folder, then renames it. If anything fails, nothing
 * is left behind and an `IncacheError` names the path and the reason. A link is followed and stays a link;
 * a device or a pipe is refused, since renaming would replace it.
 */
export function writeChunksAtomic(path: string, produce: (write: ChunkWriter) => void): void {
  const file = new PartialFile(path);
  try {
    produce((chunk) => file.write(chunk));
    file.finish();
  } catch (error) {
    file.abandon();
    throw error;
  }
}

/**
 * As `writeChunksAtomic`, and lets timers, signals and the caller's other work through after every chunk. Rejects with the
 * reason of `signal`.
 */
export async function writeChunksAtomicAsync(
  path: string,
  chunks: Iterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const file = new PartialFile(path);
  try {
    for (const chunk of chunks) {
      file.write(chunk);
      await pause();
      signal?.throwIfAborted();
    }
    file.finish();
  } catch (error) {
    file.abandon();
    throw error;
  }
}

/** Throws the `IncacheError` with which writing `path` would begin; leaves nothing behind. */
export function requireWritable(path: string): void {
  new PartialFile(path).abandon();
}

/** A file that becomes that at `path` when it is finished, with errors that name it. */
class PartialFile {
  readonly #file: NewFile;

  constructor(readonly path: string) {
    this.#file = attempt(path, () => createFile(path));
  }

  write(chunk: Uint8Array): void {
    attempt(this.path, () => this.#file.write(chunk));
  }

  finish(): void {
    attempt(this.path, () => this.#file.finish());
  }

  abandon(): void {
    this.#file.abandon();
  }
}

/** As `writeChunksAtomic`, for data that is there whole; text is written as UTF-8. */
export function writeFileAtomic(path: string, data: Uint8Array | string): void {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  writeChunksAtomic(path, (write) => write(bytes));
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new IncacheError(`cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}
