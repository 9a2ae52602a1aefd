/** The forms in which a page can give a model, all as files by path. */
import { ArgumentError } from '../errors.js';
import type { ModelParts } from './engineMethods.js';

/**
 * An address; a file, as dropped or of an `<input>`; several, as the folder of a pipeline (`webkitRelativePath` tells where each
 * lies); or files and addresses by path.
 */
export type PageModel = string | URL | Blob | Iterable<File> | ModelParts;

/** A dropped folder, or what an `<input type=file>` has: files by path. */
export function modelParts(argument: string, model: PageModel): ModelParts {
  if (typeof model === 'string' || model instanceof URL) {
    const address = new URL(model, pageAddress()).href;
    return { [nameOf(address)]: address };
  }
  if (model instanceof Blob) return { [(model as Partial<File>).name || 'model']: model };
  if (typeof model !== 'object' || model === null)
    throw new ArgumentError(argument, model, 'an address, a file, files, or files by path');
  if (Symbol.iterator in model) return partsOfFiles(argument, [...(model as Iterable<File>)]);
  return Object.fromEntries(
    Object.entries(model as ModelParts).map(([name, part]) => [
      name,
      typeof part === 'string' ? new URL(part, pageAddress()).href : part,
    ]),
  );
}

function partsOfFiles(argument: string, files: readonly File[]): ModelParts {
  if (files.length === 0) throw new ArgumentError(argument, 'empty', 'at least one file');
  return Object.fromEntries(
    files.map((file) => [(file as { webkitRelativePath?: string }).webkitRelativePath || file.name, file]),
  );
}

/** What addresses are relative to: the page's, or the worker's. */
export function pageAddress(): string {
  const { document, location } = globalThis as {
    document?: { readonly baseURI: string };
    location?: { readonly href: string };
  };
  return document?.baseURI ?? location?.href ?? 'about:blank';
}

function nameOf(address: string): string {
  const name = new URL(address).pathname.split('/').at(-1)!;
  try {
    return decodeURIComponent(name) || 'model';
  } catch {
    return name;
  }
}
