/** Zip archives of stored entries, written in one pass and of any size: beyond 4 GiB the zip64 fields are used. */
import type { ChunkWriter } from './atomicFile.js';
import { concatBytes, utf8, viewOf } from './binary.js';
import { crc32 } from './crc32.js';
import {
  CENTRAL_BYTES,
  ELSEWHERE_16,
  ELSEWHERE_32,
  END_BYTES,
  END64_BYTES,
  LOCAL_BYTES,
  LOCATOR_BYTES,
  SIGNATURES,
  STORED,
  ZIP64_FIELD,
} from './zipDirectory.js';

interface Written {
  readonly name: Uint8Array;
  readonly size: number;
  readonly crc: number;
  readonly offset: number;
}

/** Version of the format that a reader needs: 4.5, for zip64. */
const VERSION = 45;
/** The checksum follows the data; the name is UTF-8. */
const FLAGS = (1 << 3) | (1 << 11);
/** 1 January 1980, as early as a zip can say: the same entries are the same bytes whenever written. */
const DATE = (1 << 5) | 1;

export class ZipWriter {
  readonly #write: ChunkWriter;
  readonly #written: Written[] = [];
  #position = 0;

  constructor(write: ChunkWriter) {
    this.#write = write;
  }

  /** Writes an entry that is given in pieces. */
  add(name: string, chunks: Iterable<Uint8Array>): void {
    const offset = this.#position;
    const bytes = utf8(name);
    this.#put(localHeader(bytes));
    const start = this.#position;
    let crc = 0;
    for (const chunk of chunks) {
      crc = crc32(chunk, crc);
      this.#put(chunk);
    }
    const entry = { name: bytes, size: this.#position - start, crc, offset };
    this.#put(descriptor(entry));
    this.#written.push(entry);
  }

  /** Writes the directory; nothing can be added after it. */
  end(): void {
    const offset = this.#position;
    for (const entry of this.#written) this.#put(centralHeader(entry));
    this.#put(endOfDirectory(this.#written.length, this.#position - offset, offset));
  }

  #put(bytes: Uint8Array): void {
    this.#write(bytes);
    this.#position += bytes.length;
  }
}

/** Sizes of 0 since they follow the data. The zip64 field says that they are 8 bytes wide there, whatever they are. */
function localHeader(name: Uint8Array): Uint8Array {
  const header = new Uint8Array(LOCAL_BYTES);
  const view = viewOf(header);
  view.setUint32(0, SIGNATURES.local, true);
  view.setUint16(4, VERSION, true);
  view.setUint16(6, FLAGS, true);
  view.setUint16(8, STORED, true);
  view.setUint16(12, DATE, true);
  view.setUint32(18, ELSEWHERE_32, true);
  view.setUint32(22, ELSEWHERE_32, true);
  const extra = zip64Field([0, 0]);
  view.setUint16(26, name.length, true);
  view.setUint16(28, extra.length, true);
  return concatBytes(header, name, extra);
}

function descriptor({ crc, size }: Written): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = viewOf(bytes);
  view.setUint32(0, SIGNATURES.descriptor, true);
  view.setUint32(4, crc, true);
  view.setBigUint64(8, BigInt(size), true);
  view.setBigUint64(16, BigInt(size), true);
  return bytes;
}

function centralHeader({ name, size, crc, offset }: Written): Uint8Array {
  const far = size >= ELSEWHERE_32 || offset >= ELSEWHERE_32;
  const header = new Uint8Array(CENTRAL_BYTES);
  const view = viewOf(header);
  view.setUint32(0, SIGNATURES.central, true);
  view.setUint16(4, VERSION, true);
  view.setUint16(6, VERSION, true);
  view.setUint16(8, FLAGS, true);
  view.setUint16(10, STORED, true);
  view.setUint16(14, DATE, true);
  view.setUint32(16, crc, true);
  view.setUint32(20, far ? ELSEWHERE_32 : size, true);
  view.setUint32(24, far ? ELSEWHERE_32 : size, true);
  view.setUint16(28, name.length, true);
  view.setUint32(42, far ? ELSEWHERE_32 : offset, true);
  const extra = far ? zip64Field([size, size, offset]) : new Uint8Array(0);
  view.setUint16(30, extra.length, true);
  return concatBytes(header, name, extra);
}

function zip64Field(values: readonly number[]): Uint8Array {
  const field = new Uint8Array(4 + 8 * values.length);
  const view = viewOf(field);
  view.setUint16(0, ZIP64_FIELD, true);
  view.setUint16(2, 8 * values.length, true);
  for (const [i, value] of values.entries()) view.setBigUint64(4 + 8 * i, BigInt(value), true);
  return field;
}

function endOfDirectory(entries: number, size: number, offset: number): Uint8Array {
  const far = entries >= ELSEWHERE_16 || size >= ELSEWHERE_32 || offset >= ELSEWHERE_32;
  const end = new Uint8Array(END_BYTES);
  const view = viewOf(end);
  view.setUint32(0, SIGNATURES.end, true);
  view.setUint16(8, far ? ELSEWHERE_16 : entries, true);
  view.setUint16(10, far ? ELSEWHERE_16 : entries, true);
  view.setUint32(12, far ? ELSEWHERE_32 : size, true);
  view.setUint32(16, far ? ELSEWHERE_32 : offset, true);
  return far ? concatBytes(endOfDirectory64(entries, size, offset), end) : end;
}

/** The zip64 record, and the locator that says where it is. */
function endOfDirectory64(entries: number, size: number, offset: number): Uint8Array {
  const record = new Uint8Array(END64_BYTES);
  const recordView = viewOf(record);
  recordView.setUint32(0, SIGNATURES.end64, true);
  // Size of what follows this number.
  recordView.setBigUint64(4, BigInt(END64_BYTES - 12), true);
  recordView.setUint16(12, VERSION, true);
  recordView.setUint16(14, VERSION, true);
  for (const [i, value] of [entries, entries, size, offset].entries())
    recordView.setBigUint64(24 + 8 * i, BigInt(value), true);
  const locator = new Uint8Array(LOCATOR_BYTES);
  const locatorView = viewOf(locator);
  locatorView.setUint32(0, SIGNATURES.locator64, true);
  locatorView.setBigUint64(8, BigInt(offset + size), true);
  locatorView.setUint32(16, 1, true);
  return concatBytes(record, locator);
}
