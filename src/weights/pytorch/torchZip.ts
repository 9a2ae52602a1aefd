/**
 * The format that `torch.save` has written since PyTorch 1.6: a zip archive with `<folder>/data.pkl` and a record
 * `<folder>/data/<key>` for each storage. A record is checked against its CRC-32 when it is first read.
 */

import { FormatError } from '../../errors.js';
import { latin1 } from '../binary.js';
import { crc32 } from '../crc32.js';
import { ZipFile } from '../zip.js';
import { STORED, type ZipEntry } from '../zipDirectory.js';
import { ByteCursor } from './byteCursor.js';
import { findStateDict } from './stateDict.js';
import type { StorageReader } from './storage.js';
import { TorchFile } from './torchFile.js';
import { unpickleTorch } from './torchPickle.js';

/** The pickle holds no weights: some hundred bytes a tensor. */
const MOST_PICKLE_BYTES = 2 ** 28;

/** `torch.save` never compresses; what somebody compressed is unpacked whole, within these bounds. */
const MOST_UNPACKED_BYTES = 2 ** 31;
const MOST_RATIO = 64;
const ALWAYS_UNPACKED_BYTES = 2 ** 24;

/** Opens the file; only its directory and its pickle are read. */
export function openTorchZip(path: string, weightsKey?: string): TorchFile {
  const zip = ZipFile.open(path, 'a PyTorch checkpoint');
  try {
    const folder = folderOf(zip);
    const pickle = zip.entry(`${folder}data.pkl`);
    if (pickle.size > MOST_PICKLE_BYTES)
      throw new FormatError(
        `${path}: its data.pkl has ${pickle.size} bytes, of at most ${MOST_PICKLE_BYTES}`,
      );
    const root = unpickleTorch(ByteCursor.over(path, zip.read(pickle)));
    const state = findStateDict(root, weightsKey, (problem) => {
      throw new FormatError(`${path}: ${problem}`);
    });
    return new TorchFile(path, state, new ZipStorages(zip, folder));
  } catch (error) {
    zip.close();
    throw error;
  }
}

/** `archive/` or the name under which the file was saved; the empty text where the records lie in no folder. */
function folderOf(zip: ZipFile): string {
  const names = [...zip.entries.keys()];
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (has(/(^|\/)constants\.pkl$/) || has(/(^|\/)code\//))
    throw new FormatError(
      `${zip.path} is a TorchScript archive, a program; expected a checkpoint (a state dict)`,
    );
  const pickle = names.find((name) => /^([^/]*\/)?data\.pkl$/.test(name));
  if (pickle !== undefined) return pickle.slice(0, -'data.pkl'.length);
  throw new FormatError(`${zip.path} is a zip archive ${contentsOf(names)}; expected a PyTorch checkpoint`);
}

function contentsOf(names: readonly string[]): string {
  if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) return 'of numpy arrays (.npz)';
  return names.length === 0 ? 'without entries' : `without data.pkl, whose first entry is '${names[0]}'`;
}

class ZipStorages implements StorageReader {
  readonly bigEndian: boolean;
  readonly #checked = new Set<string>();
  #unpacked: { readonly key: string; readonly bytes: Uint8Array } | undefined;

  constructor(
    readonly zip: ZipFile,
    readonly folder: string,
  ) {
    this.bigEndian = byteOrder(zip, folder) === 'big';
  }

  size(key: string): number {
    return this.#entry(key).size;
  }

  read(key: string, target: Uint8Array, start: number): Uint8Array {
    const entry = this.#entry(key);
    if (entry.method !== STORED) {
      target.set(this.#unpack(key, entry).subarray(start, start + target.length));
      return target;
    }
    const whole = target.length === entry.size;
    if (!whole) this.#check(key, entry);
    this.zip.readStored(entry, target, start);
    if (whole && !this.#checked.has(key) && crc32(target) !== entry.crc) this.#refuse(entry);
    this.#checked.add(key);
    return target;
  }

  close(): void {
    this.#unpacked = undefined;
    this.zip.close();
  }

  #entry(key: string): ZipEntry {
    const name = `${this.folder}data/${key}`;
    const entry = this.zip.entries.get(name);
    if (!entry) throw new FormatError(`${this.zip.path} has no record '${name}', which its pickle names`);
    return entry;
  }

  /** Checks a record that is never read as a whole. */
  #check(key: string, entry: ZipEntry): void {
    if (this.#checked.has(key)) return;
    for (const _ of this.zip.chunks(entry));
    this.#checked.add(key);
  }

  /** The last one is kept, since several tensors may lie in it. */
  #unpack(key: string, entry: ZipEntry): Uint8Array {
    if (this.#unpacked?.key !== key) {
      const bound = Math.max(ALWAYS_UNPACKED_BYTES, MOST_RATIO * entry.compressedSize);
      if (entry.size > Math.min(bound, MOST_UNPACKED_BYTES))
        throw new FormatError(
          `${this.zip.path}: '${entry.name}' unpacks ${entry.compressedSize} bytes to ${entry.size}, more than weights do`,
        );
      this.#unpacked = { key, bytes: this.zip.read(entry) };
    }
    return this.#unpacked!.bytes;
  }

  #refuse({ name }: ZipEntry): never {
    throw new FormatError(
      `${this.zip.path}: '${name}' is damaged: its bytes do not have the checksum of the directory`,
    );
  }
}

function byteOrder(zip: ZipFile, folder: string): 'little' | 'big' {
  const entry = zip.entries.get(`${folder}byteorder`);
  if (!entry) return 'little';
  const order = entry.size <= 16 ? latin1(zip.read(entry)).trim() : '';
  if (order === 'little' || order === 'big') return order;
  throw new FormatError(`${zip.path}: its byteorder is neither little nor big`);
}
