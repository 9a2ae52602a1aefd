/** Files that are there whole or not at all. */
import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { IncacheError } from '../errors.js';

/** Writes chunks of a file in order. */
export type ChunkWriter = (chunk: Uint8Array) => void;

/** A system call takes at most 2^31 - 1 bytes. */
const MAX_WRITE = 2 ** 30;

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
      await new Promise((resolve) => setImmediate(resolve));
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

/** A file under a temporary name, which becomes that at `path` when it is finished. */
class PartialFile {
  readonly #target: string;
  readonly #temporary: string;
  readonly #file: number;
  #open = true;

  constructor(readonly path: string) {
    this.#target = attempt(path, () => targetOf(path));
    // Short whatever the file is called, since the name of the file may be as long as names can be.
    const unique = `.incache-${process.pid}-${Math.random().toString(36).slice(2, 8)}.partial`;
    this.#temporary = join(dirname(this.#target), unique);
    this.#file = attempt(path, () => openSync(this.#temporary, 'wx'));
  }

  write(chunk: Uint8Array): void {
    attempt(this.path, () => writeWhole(this.#file, chunk));
  }

  finish(): void {
    attempt(this.path, () => fsyncSync(this.#file));
    this.#close();
    attempt(this.path, () => renameSync(this.#temporary, this.#target));
  }

  abandon(): void {
    this.#close();
    rmSync(this.#temporary, { force: true });
  }

  #close(): void {
    if (this.#open) closeSync(this.#file);
    this.#open = false;
  }
}

/** As `writeChunksAtomic`, for data that is there whole; text is written as UTF-8. */
export function writeFileAtomic(path: string, data: Uint8Array | string): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  writeChunksAtomic(path, (write) => write(bytes));
}

function targetOf(path: string): string {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) return unwrittenTarget(path);
  if (status.isDirectory()) throw new Error('it is a folder');
  if (!status.isFile()) throw new Error('it is not a regular file');
  return realpathSync(path);
}

/** Where a link leads whose file is not there yet. Links that lead nowhere else have failed before. */
function unwrittenTarget(path: string): string {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink();
  return isLink ? unwrittenTarget(resolve(dirname(path), readlinkSync(path))) : path;
}

function writeWhole(file: number, chunk: Uint8Array): void {
  for (let done = 0; done < chunk.length; )
    done += writeSync(file, chunk, done, Math.min(chunk.length - done, MAX_WRITE));
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new IncacheError(`cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}
