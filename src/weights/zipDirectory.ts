/**
 * The directory of a zip archive (APPNOTE.TXT 6.3, 4.3), zip64 included. Nothing in it is trusted: entries must lie
 * inside the file without overlap, have names that cannot lead out of a folder, and be there once.
 */
import { FormatError } from '../errors.js';
import { viewOf } from './binary.js';
import type { FileBytes } from './fileBytes.js';

export interface ZipEntry {
  readonly name: string;
  /** 0 for stored, 8 for deflated; others cannot be read. */
  readonly method: number;
  /** Where the entry's bytes begin in the file. */
  readonly offset: number;
  /** Bytes in the file. */
  readonly compressedSize: number;
  /** Bytes when unpacked. */
  readonly size: number;
  readonly crc: number;
}

export const STORED = 0;
export const DEFLATED = 8;

export const SIGNATURES = {
  local: 0x04034b50,
  descriptor: 0x08074b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
} as const;

export const LOCAL_BYTES = 30;
export const CENTRAL_BYTES = 46;
export const END_BYTES = 22;
export const END64_BYTES = 56;
export const LOCATOR_BYTES = 20;

/** In the place of a number that stands in a zip64 field. */
export const ELSEWHERE_16 = 0xffff;
export const ELSEWHERE_32 = 0xffffffff;
/** Identifier of the extra field that holds it. */
export const ZIP64_FIELD = 1;

const LONGEST_COMMENT = 0xffff;
const MAX_ENTRIES = 100_000;
const MAX_DIRECTORY_BYTES = 2 ** 26;
/** A byte of deflate gives at most so many: 258 by two bits. */
const MOST_DEFLATED = 1032;
const ENCRYPTED = 1;

interface Place {
  readonly entries: number;
  readonly size: number;
  readonly offset: number;
}

/** As the directory has it: `offset` is that of the header before the data. */
interface Listed extends ZipEntry {
  readonly flags: number;
}

/** `kind` completes "... is not", for a file that is no zip at all. Throws a `FormatError` that says what is wrong. */
export function readZipDirectory(file: FileBytes, kind: string): Map<string, ZipEntry> {
  const refuse = (problem: string): never => {
    throw new FormatError(`${file.path} is not ${kind}: ${problem}`);
  };
  const place = findDirectory(file, refuse);
  const { entries, size, offset } = place;
  if (entries > MAX_ENTRIES || size > MAX_DIRECTORY_BYTES)
    refuse(`its directory has ${entries} entries in ${size} bytes; at most ${MAX_ENTRIES} are read`);
  if (offset + size > file.size) refuse('its directory lies outside the file');
  const listed = parseDirectory(file.read(new Uint8Array(size), offset), entries, refuse);
  listed.sort((a, b) => a.offset - b.offset);
  const found = new Map<string, ZipEntry>();
  for (const [i, entry] of listed.entries()) {
    if (found.has(entry.name)) refuse(`it has two entries of the name '${entry.name}'`);
    found.set(entry.name, locate(file, entry, listed[i + 1]?.offset ?? offset, refuse));
  }
  return found;
}

type Refuse = (problem: string) => never;

function findDirectory(file: FileBytes, refuse: Refuse): Place {
  const length = Math.min(file.size, END_BYTES + LONGEST_COMMENT);
  const start = file.size - length;
  const tail = viewOf(file.read(new Uint8Array(length), start));
  for (let at = length - END_BYTES; at >= 0; at--) {
    if (tail.getUint32(at, true) !== SIGNATURES.end) continue;
    if (at + END_BYTES + tail.getUint16(at + 20, true) !== length) continue;
    if (tail.getUint16(at + 4, true) !== 0) refuse('it is a part of several');
    return (
      findDirectory64(file, start + at, refuse) ?? {
        entries: tail.getUint16(at + 10, true),
        size: tail.getUint32(at + 12, true),
        offset: tail.getUint32(at + 16, true),
      }
    );
  }
  return refuse('it has no directory at its end, so it was cut short or is no zip archive');
}

/** Where a zip64 archive keeps it; `end` is the place of the plain record. */
function findDirectory64(file: FileBytes, end: number, refuse: Refuse): Place | undefined {
  if (end < LOCATOR_BYTES) return undefined;
  const locator = viewOf(file.read(new Uint8Array(LOCATOR_BYTES), end - LOCATOR_BYTES));
  if (locator.getUint32(0, true) !== SIGNATURES.locator64) return undefined;
  const at = number64(locator, 8, refuse);
  if (at + END64_BYTES > end) refuse('its directory lies outside the file');
  const record = viewOf(file.read(new Uint8Array(END64_BYTES), at));
  if (record.getUint32(0, true) !== SIGNATURES.end64) refuse('its zip64 directory is not where it should be');
  return {
    entries: number64(record, 32, refuse),
    size: number64(record, 40, refuse),
    offset: number64(record, 48, refuse),
  };
}

function parseDirectory(bytes: Uint8Array, entries: number, refuse: Refuse): Listed[] {
  const view = viewOf(bytes);
  const listed: Listed[] = [];
  for (let at = 0; listed.length < entries; ) {
    if (at + CENTRAL_BYTES > bytes.length || view.getUint32(at, true) !== SIGNATURES.central)
      refuse(`entry ${listed.length} of its directory is damaged`);
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const nameStart = at + CENTRAL_BYTES;
    const next = nameStart + name + extra + comment;
    if (next > bytes.length) refuse(`entry ${listed.length} of its directory is damaged`);
    const extras = bytes.subarray(nameStart + name, nameStart + name + extra);
    listed.push({
      name: nameOf(bytes.subarray(nameStart, nameStart + name), refuse),
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      ...sizesOf(viewOf(bytes.subarray(at, nameStart)), viewOf(extras), refuse),
    });
    at = next;
  }
  return listed;
}

/** The three numbers that a zip64 field may hold, in its order. */
function sizesOf(header: DataView, extras: DataView, refuse: Refuse) {
  const field = zip64Field(extras);
  let read = 0;
  const sizeAt = (at: number): number => {
    const size = header.getUint32(at, true);
    if (size !== ELSEWHERE_32 || !field) return size;
    if (read + 8 > field.byteLength) refuse('a zip64 field of its directory is too short');
    read += 8;
    return number64(field, read - 8, refuse);
  };
  return { size: sizeAt(24), compressedSize: sizeAt(20), offset: sizeAt(42) };
}

function zip64Field(extras: DataView): DataView | undefined {
  for (let at = 0; at + 4 <= extras.byteLength; ) {
    const start = at + 4;
    const end = start + extras.getUint16(at + 2, true);
    if (extras.getUint16(at, true) === ZIP64_FIELD && end <= extras.byteLength)
      return new DataView(extras.buffer, extras.byteOffset + start, end - start);
    at = end;
  }
  return undefined;
}

/** UTF-8, since readers of today write nothing else; a name is also part of error messages. */
function nameOf(bytes: Uint8Array, refuse: Refuse): string {
  let name = '';
  try {
    name = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    refuse('the name of an entry is not UTF-8');
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is those that must not reach a terminal
  if (name === '' || /[\x00-\x1f\x7f-\x9f\\]/.test(name))
    refuse(`the name of an entry is ${JSON.stringify(name)}`);
  if (name.startsWith('/') || /^[a-z]:/i.test(name) || name.split('/').includes('..'))
    refuse(`the name of an entry leads out of it: '${name}'`);
  return name;
}

/** With the place of the data, which must end before `limit`, where the next entry begins. */
function locate(file: FileBytes, { flags, ...entry }: Listed, limit: number, refuse: Refuse): ZipEntry {
  const { name, offset, compressedSize, size, method } = entry;
  if (flags & ENCRYPTED) refuse(`'${name}' is encrypted`);
  if (offset + LOCAL_BYTES > limit) refuse(`'${name}' overlaps what follows it, or lies outside the file`);
  const header = viewOf(file.read(new Uint8Array(LOCAL_BYTES), offset));
  if (header.getUint32(0, true) !== SIGNATURES.local) refuse(`'${name}' is not where its directory says`);
  const start = offset + LOCAL_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
  if (start + compressedSize > limit) refuse(`'${name}' overlaps what follows it, or lies outside the file`);
  if (method === STORED && size !== compressedSize)
    refuse(`'${name}' is stored in ${compressedSize} bytes, but has ${size}`);
  if (method === DEFLATED && size > MOST_DEFLATED * compressedSize)
    refuse(`'${name}' has ${size} bytes, more than ${compressedSize} compressed ones can give`);
  return { ...entry, offset: start };
}

function number64(bytes: DataView, at: number, refuse: Refuse): number {
  const value = bytes.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) refuse('a size in its directory is beyond 2^53');
  return Number(value);
}
