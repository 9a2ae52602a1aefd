/**
 * A page has no files by path. Here it has: what it was given (dropped files, downloads, bytes) is mounted under paths, and what
 * is written is mounted too. Everything lies in memory or stays with the browser; only the parts that are read are in memory twice.
 */
import type { NewFile, OpenFile } from '../types.js';
import { dirname, resolve } from './paths.js';

export type FileContent = Blob | Uint8Array;

const files = new Map<string, FileContent>();

/** A `Blob` is read by slices of so many bytes, each of which is copied once. */
const SLICE_BYTES = 2 ** 26;

/** Puts a file at `path`, in place of one that is there. */
export function mountFile(path: string, content: FileContent): void {
  files.set(resolve(path), content);
}

/** Takes away the file at `path`, or all below a folder. Files that are open stay readable. */
export function unmountFile(path: string): void {
  const place = resolve(path);
  for (const name of [...files.keys()]) if (name === place || isBelow(name, place)) files.delete(name);
}

/** What was mounted or written at `path`. */
export function mountedFile(path: string): Blob {
  const content = contentOf(path);
  return content instanceof Uint8Array ? new Blob([copyOf(content)]) : content;
}

export function fileExists(path: string): boolean {
  return path !== '' && (files.has(resolve(path)) || isFolder(path));
}

export function isFolder(path: string): boolean {
  const folder = resolve(path);
  return path !== '' && [...files.keys()].some((name) => isBelow(name, folder));
}

/** The names in a folder, in order. */
export function listFolder(path: string): string[] {
  const folder = resolve(path);
  const start = folder === '/' ? 1 : folder.length + 1;
  const below = [...files.keys()].filter((name) => isBelow(name, folder));
  if (below.length === 0) throw new Error('there is no such folder');
  return [...new Set(below.map((name) => name.slice(start).split('/')[0]!))].sort();
}

/** There are no links. */
export function realPath(path: string): string {
  if (!fileExists(path)) throw new Error('there is no such file');
  return resolve(path);
}

export function openFile(path: string): OpenFile {
  if (!files.has(resolve(path)) && isFolder(path)) throw new Error('it is not a file');
  const content = contentOf(path);
  if (content instanceof Uint8Array) return { size: content.length, read: readerOf(content), close() {} };
  if (typeof FileReaderSync === 'undefined')
    throw new Error('files that a page was given are read in workers, and openPipeline starts one');
  const reader = new FileReaderSync();
  return {
    size: content.size,
    read(target, position) {
      const length = Math.min(target.length, SLICE_BYTES);
      const bytes = new Uint8Array(reader.readAsArrayBuffer(content.slice(position, position + length)));
      target.set(bytes);
      return bytes.length;
    },
    close() {},
  };
}

export function createFile(path: string): NewFile {
  const place = resolve(path);
  if (isFolder(place)) throw new Error('it is a folder');
  // A file cannot be a folder of others.
  for (let folder = dirname(place); folder !== '/'; folder = dirname(folder))
    if (files.has(folder)) throw new Error(`${folder} is a file`);
  const chunks: Blob[] = [];
  return {
    write: (chunk) => void chunks.push(new Blob([copyOf(chunk)])),
    finish: () => mountFile(place, new Blob(chunks)),
    abandon() {},
  };
}

function readerOf(content: Uint8Array): OpenFile['read'] {
  return (target, position) => {
    const bytes = content.subarray(position, position + target.length);
    target.set(bytes);
    return bytes.length;
  };
}

function contentOf(path: string): FileContent {
  const content = files.get(resolve(path));
  if (content === undefined) throw new Error('there is no such file');
  return content;
}

function isBelow(name: string, folder: string): boolean {
  return name.startsWith(folder === '/' ? '/' : `${folder}/`);
}

/** Copies bytes that may lie in shared memory, which no `Blob` takes. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
