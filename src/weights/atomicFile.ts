/** Files that are there whole or not at all. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { IncacheError } from '../errors.js';

/** Writes chunks of a file in order. */
export type ChunkWriter = (chunk: Uint8Array) => void;

/**
 * Writes `path` through a temporary name in the same folder, then renames it. If anything fails, nothing
 * is left behind and an `IncacheError` names the path and the reason.
 */
export function writeChunksAtomic(path: string, produce: (write: ChunkWriter) => void): void {
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2, 8)}.partial`;
  const file = attempt(path, () => openSync(temporary, 'wx'));
  try {
    try {
      produce((chunk) => attempt(path, () => writeWhole(file, chunk)));
      attempt(path, () => fsyncSync(file));
    } finally {
      closeSync(file);
    }
    attempt(path, () => renameSync(temporary, path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

export function writeFileAtomic(path: string, data: Uint8Array | string): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  writeChunksAtomic(path, (write) => write(bytes));
}

function writeWhole(file: number, chunk: Uint8Array): void {
  for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done, chunk.length - done);
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new IncacheError(`cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}
