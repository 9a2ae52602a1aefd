/** A model in several files, with an index that says which tensor lies in which. */
import { fileExists, realPath } from '#platform/files';
import { basename, dirname, join } from '#platform/paths';
import { FormatError, IncacheError } from '../errors.js';
import { readJsonOfDistinctKeys } from './jsonFile.js';
import type { TensorInfo, TensorSource } from './tensorSource.js';

/** More files than any model has. */
const MOST_SHARDS = 10_000;

export type OpenShard = (path: string) => TensorSource;

/**
 * Opens every file that `<name>.index.json` lists, all of them in its own folder. Throws a `FormatError` that names the
 * index and the tensor or file to blame: a file outside the folder, a tensor that is not where the index has it, or that
 * two files have.
 */
export function openSharded(path: string, open: OpenShard): TensorSource {
  const placeOf = readIndex(path);
  const shards = new Map<string, TensorSource>();
  const close = (): void => {
    for (const shard of shards.values()) shard.close();
  };
  try {
    for (const file of new Set(placeOf.values())) shards.set(file, openShard(path, file, open));
    return new ShardedSource(path, ownersOf(path, placeOf, shards), close, notesOf(shards));
  } catch (error) {
    close();
    throw error;
  }
}

class ShardedSource implements TensorSource {
  readonly metadata = {};

  constructor(
    readonly path: string,
    readonly owners: ReadonlyMap<string, TensorSource>,
    readonly close: () => void,
    readonly notes: readonly string[],
  ) {}

  get files(): readonly string[] {
    return [this.path, ...new Set([...this.owners.values()].flatMap(({ files }) => files))];
  }

  get names(): readonly string[] {
    return [...this.owners.keys()];
  }

  entry(name: string): TensorInfo {
    return this.#owner(name).entry(name);
  }

  bytes(name: string): Uint8Array {
    return this.#owner(name).bytes(name);
  }

  read(name: string): Float32Array {
    return this.#owner(name).read(name);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #owner(name: string): TensorSource {
    const owner = this.owners.get(name);
    if (!owner) throw new FormatError(`${this.path} has no tensor '${name}'`);
    return owner;
  }
}

/** The file of every tensor. */
function readIndex(path: string): Map<string, string> {
  const { weight_map: map } = readJsonOfDistinctKeys(path);
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw new FormatError(`${path} is JSON, but no index of a model in several files: it has no weight_map`);
  const placeOf = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== 'string' || basename(file) !== file || file.includes('\\') || file.startsWith('.'))
      throw new FormatError(
        `${path}: tensor '${name}' lies in ${JSON.stringify(file)}; expected the name of a file in the same folder`,
      );
    placeOf.set(name, file);
  }
  if (placeOf.size === 0) throw new FormatError(`${path} is an index without tensors`);
  if (new Set(placeOf.values()).size > MOST_SHARDS)
    throw new FormatError(`${path} lists more than ${MOST_SHARDS} files`);
  return placeOf;
}

/**
 * A link leads to where the index itself really lies, as in the cache of the Hugging Face Hub, whose files are all links
 * into one folder; any other way out of the folder is refused.
 */
function openShard(index: string, file: string, open: OpenShard): TensorSource {
  const path = join(dirname(index), file);
  if (!fileExists(path)) throw new IncacheError(`${index} lists ${file}, which is not there`);
  const folder = dirname(realPath(path));
  if (folder !== realPath(dirname(index)) && folder !== dirname(realPath(index)))
    throw new FormatError(`${index} lists ${file}, a link that leads out of its folder`);
  return open(path);
}

function ownersOf(
  index: string,
  placeOf: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, TensorSource>,
): Map<string, TensorSource> {
  const owners = new Map<string, TensorSource>();
  for (const shard of shards.values())
    for (const name of shard.names) {
      if (owners.has(name)) throw new FormatError(`${index}: two of its files have a tensor '${name}'`);
      owners.set(name, shard);
    }
  for (const [name, file] of placeOf)
    if (owners.get(name) !== shards.get(file))
      throw new FormatError(`${index} has tensor '${name}' in ${file}, where it is not`);
  return owners;
}

function notesOf(shards: ReadonlyMap<string, TensorSource>): string[] {
  return [...shards.values()].flatMap(({ notes }) => notes);
}
