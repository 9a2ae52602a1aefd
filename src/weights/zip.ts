/** Zip archives whose entries are read one at a time, in place or unpacked as a stream: any size, little memory. */
import { Inflate } from 'fflate';
import { FormatError, requireInteger } from '../errors.js';
import { crc32 } from './crc32.js';
import { FileBytes } from './fileBytes.js';
import { DEFLATED, readZipDirectory, STORED, type ZipEntry } from './zipDirectory.js';

export type { ZipEntry } from './zipDirectory.js';

/** Bytes of the file that are read at a time; deflated ones may become 1,032 times as many. */
const CHUNK = { [STORED]: 2 ** 20, [DEFLATED]: 2 ** 14 } as const;

export class ZipFile implements Disposable {
  readonly #file: FileBytes;

  private constructor(
    file: FileBytes,
    /** By name, in the order in which they lie in the file. */
    readonly entries: ReadonlyMap<string, ZipEntry>,
  ) {
    this.#file = file;
  }

  /**
   * Reads the directory only. `kind` is what the file should be, for the message when it is none. Throws a
   * `FormatError` for a file that is not a zip archive, or one whose entries overlap, lie outside it, are there twice,
   * are encrypted or have names that lead out of a folder; an `IncacheError` when it cannot be read.
   */
  static open(path: string, kind = 'a zip archive'): ZipFile {
    const file = FileBytes.open(path);
    try {
      return new ZipFile(file, readZipDirectory(file, kind));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get path(): string {
    return this.#file.path;
  }

  /** Throws a `FormatError` when there is none of that name. */
  entry(name: string): ZipEntry {
    const entry = this.entries.get(name);
    if (!entry) throw new FormatError(`${this.path} has no entry '${name}'`);
    return entry;
  }

  /**
   * Fills `target` with the bytes of a stored entry from `start` on, in place: nothing else is read, and no checksum
   * is looked at. Throws an `ArgumentError` for a range outside the entry.
   */
  readStored(entry: ZipEntry, target: Uint8Array, start = 0): Uint8Array {
    if (entry.method !== STORED)
      throw new FormatError(`${this.path}: '${entry.name}' is compressed; expected it to be stored`);
    requireInteger('start', start, 0, entry.size - target.length);
    return this.#file.read(target, entry.offset + start);
  }

  /**
   * The unpacked bytes in order, in pieces of at most 16 MiB. After the last one a `FormatError` is thrown unless the
   * entry has the size and checksum that the directory gives, and during them as soon as there are more bytes.
   */
  *chunks(entry: ZipEntry): Generator<Uint8Array, void, undefined> {
    let [size, crc] = [0, 0];
    for (const chunk of this.#unpacked(entry)) {
      size += chunk.length;
      if (size > entry.size)
        this.#refuse(entry, `it has more than the ${entry.size} bytes that it should have`);
      crc = crc32(chunk, crc);
      yield chunk;
    }
    if (size !== entry.size) this.#refuse(entry, `it has ${size} bytes instead of ${entry.size}`);
    if (crc !== entry.crc)
      this.#refuse(entry, `its checksum is ${hexadecimal(crc)} instead of ${hexadecimal(entry.crc)}`);
  }

  /** The whole entry, unpacked and checked. The caller looks at `entry.size` first: it is what this takes. */
  read(entry: ZipEntry): Uint8Array {
    const bytes = new Uint8Array(entry.size);
    let done = 0;
    for (const chunk of this.chunks(entry)) {
      bytes.set(chunk, done);
      done += chunk.length;
    }
    return bytes;
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #unpacked(entry: ZipEntry): Generator<Uint8Array> {
    if (entry.method === STORED) return this.#raw(entry, CHUNK[STORED]);
    if (entry.method === DEFLATED) return this.#inflated(entry);
    throw new FormatError(
      `${this.path}: '${entry.name}' is compressed with method ${entry.method}; expected stored or deflated`,
    );
  }

  *#raw({ offset, compressedSize }: ZipEntry, most: number): Generator<Uint8Array> {
    for (let done = 0; done < compressedSize; done += most)
      yield this.#file.read(new Uint8Array(Math.min(most, compressedSize - done)), offset + done);
  }

  *#inflated(entry: ZipEntry): Generator<Uint8Array> {
    let found: Uint8Array[] = [];
    const inflate = new Inflate((chunk) => found.push(chunk));
    const push = (bytes: Uint8Array, last: boolean): Uint8Array[] => {
      found = [];
      try {
        inflate.push(bytes, last);
      } catch (error) {
        this.#refuse(entry, (error as Error).message);
      }
      return found;
    };
    for (const bytes of this.#raw(entry, CHUNK[DEFLATED])) yield* push(bytes, false);
    yield* push(new Uint8Array(0), true);
  }

  #refuse({ name }: ZipEntry, problem: string): never {
    throw new FormatError(`${this.path}: '${name}' is damaged: ${problem}`);
  }
}

function hexadecimal(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
