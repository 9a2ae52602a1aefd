/** Zip archives of stored entries, written in one pass and of any size: beyond 4 GiB the zip64 fields are used. */
import type { ChunkWriter } from './atomicFile.js';
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
  readonly name: Buffer;
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
    const bytes = Buffer.from(name);
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
function localHeader(name: Buffer): Buffer {
  const header = Buffer.alloc(LOCAL_BYTES);
  header.writeUInt32LE(SIGNATURES.local, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(FLAGS, 6);
  header.writeUInt16LE(STORED, 8);
  header.writeUInt16LE(DATE, 12);
  header.writeUInt32LE(ELSEWHERE_32, 18);
  header.writeUInt32LE(ELSEWHERE_32, 22);
  const extra = zip64Field([0, 0]);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, name, extra]);
}

function descriptor({ crc, size }: Written): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32LE(SIGNATURES.descriptor, 0);
  bytes.writeUInt32LE(crc, 4);
  bytes.writeBigUInt64LE(BigInt(size), 8);
  bytes.writeBigUInt64LE(BigInt(size), 16);
  return bytes;
}

function centralHeader({ name, size, crc, offset }: Written): Buffer {
  const far = size >= ELSEWHERE_32 || offset >= ELSEWHERE_32;
  const header = Buffer.alloc(CENTRAL_BYTES);
  header.writeUInt32LE(SIGNATURES.central, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(VERSION, 6);
  header.writeUInt16LE(FLAGS, 8);
  header.writeUInt16LE(STORED, 10);
  header.writeUInt16LE(DATE, 14);
  header.writeUInt32LE(crc, 16);
  header.writeUInt32LE(far ? ELSEWHERE_32 : size, 20);
  header.writeUInt32LE(far ? ELSEWHERE_32 : size, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt32LE(far ? ELSEWHERE_32 : offset, 42);
  const extra = far ? zip64Field([size, size, offset]) : Buffer.alloc(0);
  header.writeUInt16LE(extra.length, 30);
  return Buffer.concat([header, name, extra]);
}

function zip64Field(values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length);
  field.writeUInt16LE(ZIP64_FIELD, 0);
  field.writeUInt16LE(8 * values.length, 2);
  for (const [i, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  return field;
}

function endOfDirectory(entries: number, size: number, offset: number): Buffer {
  const far = entries >= ELSEWHERE_16 || size >= ELSEWHERE_32 || offset >= ELSEWHERE_32;
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(SIGNATURES.end, 0);
  end.writeUInt16LE(far ? ELSEWHERE_16 : entries, 8);
  end.writeUInt16LE(far ? ELSEWHERE_16 : entries, 10);
  end.writeUInt32LE(far ? ELSEWHERE_32 : size, 12);
  end.writeUInt32LE(far ? ELSEWHERE_32 : offset, 16);
  return far ? Buffer.concat([endOfDirectory64(entries, size, offset), end]) : end;
}

/** The zip64 record, and the locator that says where it is. */
function endOfDirectory64(entries: number, size: number, offset: number): Buffer {
  const record = Buffer.alloc(END64_BYTES);
  record.writeUInt32LE(SIGNATURES.end64, 0);
  // Of what follows this number.
  record.writeBigUInt64LE(BigInt(END64_BYTES - 12), 4);
  record.writeUInt16LE(VERSION, 12);
  record.writeUInt16LE(VERSION, 14);
  for (const [i, value] of [entries, entries, size, offset].entries())
    record.writeBigUInt64LE(BigInt(value), 24 + 8 * i);
  const locator = Buffer.alloc(LOCATOR_BYTES);
  locator.writeUInt32LE(SIGNATURES.locator64, 0);
  locator.writeBigUInt64LE(BigInt(offset + size), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator]);
}
