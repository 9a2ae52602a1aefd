/** Whether a result can be written, found out before the work and not after it. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ArgumentError, IncacheError } from '../errors.js';
import { requireWritable } from '../weights/atomicFile.js';

/** Throws an `ArgumentError` that names the option unless a file can be made or replaced at `path`. */
export function requireFilePath(option: string, path: string): void {
  if (kindOf(path) === 'folder') throw new ArgumentError(option, path, 'the name of a file; it is a folder');
  requireWritableFolder(option, path, dirname(path));
  requireWritable(path);
}

/** As `requireFilePath`, for a folder that is there or can be made. */
export function requireFolderPath(option: string, path: string): void {
  const kind = kindOf(path);
  if (kind === 'file') throw new ArgumentError(option, path, 'the name of a folder; it is a file');
  requireWritableFolder(option, path, kind === 'folder' ? path : dirname(path));
}

function requireWritableFolder(option: string, path: string, folder: string): void {
  if (kindOf(folder) !== 'folder')
    throw new ArgumentError(option, path, `a name in a folder that exists; ${folder} does not`);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch {
    throw new ArgumentError(option, path, `a name in a folder that can be written; ${folder} cannot`);
  }
}

function kindOf(path: string): 'folder' | 'file' | undefined {
  try {
    const status = statSync(path, { throwIfNoEntry: false });
    if (!status) return undefined;
    return status.isDirectory() ? 'folder' : 'file';
  } catch (error) {
    // A name that is too long, or a folder that must not be looked into.
    throw new IncacheError(`cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}
