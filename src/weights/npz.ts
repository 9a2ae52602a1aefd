/** numpy's .npz: a zip of .npy arrays. Headers are read first, then the arrays that are asked for, whole or in rows. */

import { ArgumentError, FormatError } from '../errors.js';
import { writeChunksAtomic } from './atomicFile.js';
import { concatBytes, latin1, swapBytes } from './binary.js';
import { DTYPE_BYTES, widenToFloat32, widenToFloat64 } from './dtypes.js';
import {
  fortranRows,
  NPY_PREFIX_BYTES,
  type NpyHeader,
  npyBytes,
  npyHeader,
  npyHeaderSpan,
  parseNpyHeader,
} from './npy.js';
import { type ZipEntry, ZipFile } from './zip.js';
import { ZipWriter } from './zipWriter.js';

export type NumpyData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** An array to write. */
export interface NumpyArray {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: NumpyData;
}

/** numpy's names of the types that are written, all little-endian. */
const WRITTEN_TYPES = {
  '<f4': Float32Array,
  '<f8': Float64Array,
  '<i4': Int32Array,
  '<i8': BigInt64Array,
  '|u1': Uint8Array,
} as const;

/** An array in Fortran order is in memory as a whole while its rows are gathered. */
const MAX_FORTRAN_BYTES = 2 ** 30;

interface StoredArray extends NpyHeader {
  /** For messages. */
  readonly what: string;
  readonly entry: ZipEntry;
  /** Bytes before the elements. */
  readonly start: number;
}

export class NpzFile implements Disposable {
  readonly #zip: ZipFile;
  readonly #arrays = new Map<string, StoredArray>();

  private constructor(zip: ZipFile) {
    this.#zip = zip;
  }

  /** Reads the directory only. Throws a `FormatError` for a file that is no .npz, and as `ZipFile.open` does. */
  static open(path: string): NpzFile {
    return new NpzFile(ZipFile.open(path, 'an .npz file'));
  }

  get path(): string {
    return this.#zip.path;
  }

  /** Names of the arrays, without `.npy`. */
  get names(): string[] {
    return [...this.#zip.entries.keys()].map((name) => name.replace(/\.npy$/, ''));
  }

  has(name: string): boolean {
    return this.#entryOf(name) !== undefined;
  }

  /** Shape and type. Throws a `FormatError` for a name that is not there, and for a damaged header. */
  header(name: string): NpyHeader {
    return this.#array(name);
  }

  /** All elements in C order, little-endian. */
  readBytes(name: string): Uint8Array {
    const array = this.#array(name);
    const [bytes] = [...this.#rows(array, Math.max(1, array.shape[0] ?? 1))];
    return bytes ?? new Uint8Array(0);
  }

  /** All elements in C order. */
  readFloat64(name: string): Float64Array {
    return widenToFloat64(this.#array(name).dtype, this.readBytes(name));
  }

  /** The values of an array of integers. Throws a `FormatError` for another type and for values beyond 2^53. */
  readIntegers(name: string): number[] {
    const { what, dtype } = this.#array(name);
    if (!/^[IU]/.test(dtype)) throw new FormatError(`${what} is ${dtype}; expected integers`);
    const values = Array.from(this.readFloat64(name));
    const large = values.find((value) => !Number.isSafeInteger(value));
    if (large !== undefined) throw new FormatError(`${what} holds ${large}, beyond 2^53`);
    return values;
  }

  /** All elements in C order, rounded to nearest where they do not fit. */
  readFloat32(name: string): Float32Array {
    return widenToFloat32(this.#array(name).dtype, this.readBytes(name));
  }

  /**
   * The rows along the first axis in turn, `count` at a time and fewer in the end: bytes of elements in C order,
   * little-endian. One piece is in memory, of an array in Fortran order the whole array. A `FormatError` after the
   * last piece says that the checksum is wrong.
   */
  rows(name: string, count: number): Generator<Uint8Array> {
    return this.#rows(this.#array(name), count);
  }

  close(): void {
    this.#zip.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  *#rows(array: StoredArray, count: number): Generator<Uint8Array> {
    const { shape, dtype, fortran, bigEndian } = array;
    const rows = shape[0] ?? 1;
    const bytes = npyBytes(array);
    const reader = new PieceReader(this.#zip.chunks(array.entry));
    reader.take(array.start);
    const whole = fortran ? reader.take(this.#requireSmall(array, bytes)) : undefined;
    for (let first = 0; first < rows; first += count) {
      const here = Math.min(count, rows - first);
      const piece = whole ? fortranRows(whole, array, first, here) : reader.take((bytes / rows) * here);
      if (bigEndian) swapBytes(piece, DTYPE_BYTES[dtype]);
      yield piece;
    }
    reader.finish();
  }

  #requireSmall({ what }: StoredArray, bytes: number): number {
    if (bytes > MAX_FORTRAN_BYTES)
      throw new FormatError(`${what} has ${bytes} bytes in Fortran order; save it in C order`);
    return bytes;
  }

  #entryOf(name: string): ZipEntry | undefined {
    return this.#zip.entries.get(`${name}.npy`) ?? this.#zip.entries.get(name);
  }

  #array(name: string): StoredArray {
    const known = this.#arrays.get(name);
    if (known) return known;
    const entry = this.#entryOf(name);
    if (!entry) throw new FormatError(`${this.path} has no array '${name}'`);
    const array = this.#readHeader(entry);
    this.#arrays.set(name, array);
    return array;
  }

  #readHeader(entry: ZipEntry): StoredArray {
    const what = `${this.path}: array '${entry.name}'`;
    const reader = new PieceReader(this.#zip.chunks(entry));
    const prefix = reader.take(Math.min(NPY_PREFIX_BYTES, entry.size));
    const { start, end } = npyHeaderSpan(what, prefix);
    if (end > entry.size) throw new FormatError(`${what} ends inside its header`);
    const rest = reader.take(Math.max(0, end - prefix.length));
    reader.pieces.return(undefined);
    const text = latin1(concatBytes(prefix, rest).subarray(start, end));
    const header = parseNpyHeader(what, text);
    const bytes = npyBytes(header);
    if (bytes !== entry.size - end)
      throw new FormatError(
        `${what} of shape [${header.shape}] needs ${bytes} bytes, but has ${entry.size - end}`,
      );
    return { ...header, what, entry, start: end };
  }
}

/** Takes bytes off a stream of pieces. */
class PieceReader {
  #piece: Uint8Array = new Uint8Array(0);

  constructor(readonly pieces: Generator<Uint8Array>) {}

  /** The next `count` bytes; fewer when the stream ends. */
  take(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count && this.#fill()) {
      const part = this.#piece.subarray(0, count - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#piece = this.#piece.subarray(part.length);
    }
    return bytes.subarray(0, filled);
  }

  /** Goes to the end, where the checksum is looked at. */
  finish(): void {
    while (this.#fill()) this.#piece = new Uint8Array(0);
  }

  #fill(): boolean {
    while (this.#piece.length === 0) {
      const { value, done } = this.pieces.next();
      if (done) return false;
      this.#piece = value;
    }
    return true;
  }
}

/**
 * Writes the arrays, whole or not at all. Throws an `ArgumentError` for data that does not fill its shape
 * or is of a type that is not written, an `IncacheError` that names the path when it cannot be written.
 */
export function writeNpz(path: string, arrays: Readonly<Record<string, NumpyArray>>): void {
  const entries = Object.entries(arrays).map(([name, array]) => [name, encodeNpy(name, array)] as const);
  writeNpyEntries(path, entries);
}

/** As `writeNpz`, of arrays that come as the pieces of their .npy files and need not fit in memory. */
export function writeNpyEntries(
  path: string,
  entries: Iterable<readonly [name: string, pieces: Iterable<Uint8Array>]>,
): void {
  writeChunksAtomic(path, (write) => {
    const zip = new ZipWriter(write);
    for (const [name, pieces] of entries) zip.add(`${name}.npy`, pieces);
    zip.end();
  });
}

function encodeNpy(name: string, { shape, data }: NumpyArray): [Uint8Array, Uint8Array] {
  const [descr] = Object.entries(WRITTEN_TYPES).find(([, type]) => data instanceof type) ?? [];
  if (descr === undefined)
    throw new ArgumentError(
      `array '${name}'`,
      data.constructor.name,
      'a Float32Array, Float64Array, Int32Array, BigInt64Array or Uint8Array',
    );
  const expected = shape.reduce((product, size) => product * size, 1);
  if (data.length !== expected)
    throw new ArgumentError(
      `array '${name}'`,
      `${data.length} values`,
      `${expected} values, of shape [${shape}]`,
    );
  return [npyHeader(descr, shape), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}
