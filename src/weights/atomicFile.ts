/** Files that are there whole or not at all. */
import {
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
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
  const { target, temporary, file } = openTemporary(path);
  try {
    try {
      produce((chunk) => attempt(path, () => writeWhole(file, chunk)));
      attempt(path, () => fsyncSync(file));
    } finally {
      closeSync(file);
    }
    attempt(path, () => renameSync(temporary, target));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Throws the `IncacheError` with which writing `path` would begin; leaves nothing behind. */
export function requireWritable(path: string): void {
  const { temporary, file } = openTemporary(path);
  closeSync(file);
  rmSync(temporary, { force: true });
}

function openTemporary(path: string): { target: string; temporary: string; file: number } {
  const target = attempt(path, () => targetOf(path));
  // Short whatever the file is called, since the name of the file may be as long as names can be.
  const unique = `.incache-${process.pid}-${Math.random().toString(36).slice(2, 8)}.partial`;
  const temporary = join(dirname(target), unique);
  return { target, temporary, file: attempt(path, () => openSync(temporary, 'wx')) };
}

/** As `writeChunksAtomic`, for data that is there whole; text is written as UTF-8. */
export function writeFileAtomic(path: string, data: Uint8Array | string): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  writeChunksAtomic(path, (write) => write(bytes));
}

function targetOf(path: string): string {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) return path;
  if (!status.isFile() && !status.isDirectory()) throw new Error('it is not a regular file');
  return realpathSync(path);
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
