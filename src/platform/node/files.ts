/** Files by path. What fails throws the system's error, whose message says why. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { NewFile, OpenFile } from '../types.js';

/** A system call takes at most 2^31 - 1 bytes. */
const MOST_BYTES = 2 ** 30;

export function fileExists(path: string): boolean {
  return existsSync(path);
}

/** Whether it is a folder; what cannot be looked at, as a link to itself, is none. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** The names in a folder, in order. */
export function listFolder(path: string): string[] {
  return readdirSync(path).sort();
}

/** Where a file lies when links are followed. */
export function realPath(path: string): string {
  return realpathSync(path);
}

/** Throws for what is not a regular file, before it is opened: opening a pipe waits for its writer. */
export function openFile(path: string): OpenFile {
  const status = statSync(path);
  if (!status.isFile()) throw new Error('it is not a file');
  const file = openSync(path, 'r');
  return {
    size: status.size,
    read: (target, position) => readSync(file, target, 0, Math.min(target.length, MOST_BYTES), position),
    close: () => closeSync(file),
  };
}

/**
 * A file under a temporary name in the folder of `path`, which `finish` gives that path. A link is followed and stays a link;
 * a device or a pipe is refused, since renaming would replace it.
 */
export function createFile(path: string): NewFile {
  const target = targetOf(path);
  // Short whatever the file is called, since the name of the file may be as long as names can be.
  const unique = `.incache-${process.pid}-${Math.random().toString(36).slice(2, 8)}.partial`;
  const temporary = join(dirname(target), unique);
  const file = openSync(temporary, 'wx');
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(file);
    isOpen = false;
  };
  return {
    write: (chunk) => writeWhole(file, chunk),
    finish() {
      fsyncSync(file);
      close();
      renameSync(temporary, target);
    },
    abandon() {
      close();
      rmSync(temporary, { force: true });
    },
  };
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
    done += writeSync(file, chunk, done, Math.min(chunk.length - done, MOST_BYTES));
}
