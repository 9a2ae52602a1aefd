/**
 * The format that `torch.save` wrote before PyTorch 1.6: five pickles in a row (a magic number, the protocol, the system,
 * the object, the keys of its storages), then for every key the number of elements and the elements.
 */
import { FormatError } from '../../errors.js';
import { viewOf } from '../binary.js';
import { DTYPE_BYTES } from '../dtypes.js';
import { FileBytes } from '../fileBytes.js';
import { ByteCursor } from './byteCursor.js';
import { describePickled } from './pickleValues.js';
import { findStateDict } from './stateDict.js';
import type { StorageReader } from './storage.js';
import { TorchFile } from './torchFile.js';
import { type NamedStorages, unpickleTorch } from './torchPickle.js';

const PROTOCOL = 1001;

/** Opens the file; its pickles are read, and where each storage lies. */
export function openTorchLegacy(path: string, weightsKey?: string): TorchFile {
  const file = FileBytes.open(path);
  try {
    const cursor = new ByteCursor(path, file);
    unpickleTorch(cursor);
    const protocol = unpickleTorch(cursor);
    if (protocol !== PROTOCOL)
      cursor.refuse(`it has protocol ${describePickled(protocol)}; expected ${PROTOCOL}`);
    const system = unpickleTorch(cursor);
    const storages: NamedStorages = new Map();
    const root = unpickleTorch(cursor, storages);
    const keys = unpickleTorch(cursor);
    if (!Array.isArray(keys))
      return cursor.refuse(`its storages are ${describePickled(keys)}; expected a list`);
    const places = placesOf(cursor, keys, storages);
    const state = findStateDict(root, weightsKey, (problem) => cursor.refuse(problem));
    const bigEndian = system instanceof Map && system.get('little_endian') === false;
    return new TorchFile(path, state, new LegacyStorages(file, places, bigEndian));
  } catch (error) {
    file.close();
    throw error;
  }
}

interface Place {
  readonly start: number;
  readonly size: number;
}

function placesOf(cursor: ByteCursor, keys: readonly unknown[], storages: NamedStorages): Map<string, Place> {
  const places = new Map<string, Place>();
  let at = cursor.position;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage || places.has(storage.key))
      return cursor.refuse(
        `its list of storages has ${String(key)}, which no tensor names or which is there twice`,
      );
    if (storage.dtype === undefined)
      return cursor.refuse(`storage '${storage.key}' is of type ${storage.typeName}, which is not read`);
    const header = new ByteCursor(cursor.what, cursor.source, at).take(8);
    const size = Number(viewOf(header).getBigInt64(0, true)) * DTYPE_BYTES[storage.dtype];
    at += 8;
    if (!(size >= 0 && at + size <= cursor.source.size))
      return cursor.refuse(`storage '${storage.key}' of ${size} bytes reaches beyond the end of the file`);
    places.set(storage.key, { start: at, size });
    at += size;
  }
  return places;
}

class LegacyStorages implements StorageReader {
  constructor(
    readonly file: FileBytes,
    readonly places: ReadonlyMap<string, Place>,
    readonly bigEndian: boolean,
  ) {}

  size(key: string): number {
    return this.#place(key).size;
  }

  read(key: string, target: Uint8Array, start: number): Uint8Array {
    return this.file.read(target, this.#place(key).start + start);
  }

  close(): void {
    this.file.close();
  }

  #place(key: string): Place {
    const place = this.places.get(key);
    if (!place) throw new FormatError(`${this.file.path} has no storage '${key}', which its pickle names`);
    return place;
  }
}
