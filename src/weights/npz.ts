/** numpy's .npz: a zip of .npy arrays. */
import { readFileSync } from 'node:fs';
import { unzipSync, zipSync } from 'fflate';
import { ArgumentError, FormatError, IncacheError } from '../errors.js';
import { writeFileAtomic } from './atomicFile.js';

export type NumpyData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

export interface NumpyArray {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: NumpyData;
}

/** numpy's names of the element types, all little-endian. */
const TYPES = {
  '<f4': Float32Array,
  '<f8': Float64Array,
  '<i4': Int32Array,
  '<i8': BigInt64Array,
  '|u1': Uint8Array,
} as const;

const MAGIC = '\x93NUMPY';

/** Reads every array of the file. Throws a `FormatError` that names the file and the array to blame. */
export function readNpz(path: string): Map<string, NumpyArray> {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new IncacheError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes);
  } catch (error) {
    throw new FormatError(`${path} is not an .npz file: ${(error as Error).message}`, { cause: error });
  }
  return new Map(
    Object.entries(entries).map(([name, npy]) => [
      name.replace(/\.npy$/, ''),
      parseNpy(`${path}: array '${name}'`, npy),
    ]),
  );
}

/** As early as a zip can say, in local time: the same arrays are the same bytes whenever and wherever written. */
const MODIFIED = new Date(1980, 0, 1);

/** Sizes and offsets of a plain zip are 32 bits wide, and fflate would cut larger ones short. */
const MAX_ZIP_BYTES = 2 ** 32 - 2 ** 20;

/**
 * Writes the arrays, whole or not at all. Throws an `ArgumentError` for data that does not fill its shape
 * or is of a type that is not written, an `IncacheError` that names the path when it cannot be written.
 */
export function writeNpz(path: string, arrays: Readonly<Record<string, NumpyArray>>): void {
  const bytes = Object.values(arrays).reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes > MAX_ZIP_BYTES)
    throw new IncacheError(`cannot write ${path}: ${bytes} bytes are more than an .npz file can hold`);
  const entries = Object.entries(arrays).map(
    ([name, array]) => [`${name}.npy`, encodeNpy(name, array)] as const,
  );
  writeFileAtomic(path, zipSync(Object.fromEntries(entries), { level: 1, mtime: MODIFIED }));
}

function encodeNpy(name: string, { shape, data }: NumpyArray): Uint8Array {
  const [descr] = Object.entries(TYPES).find(([, type]) => data instanceof type) ?? [];
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
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  // The data starts at a multiple of 64 bytes; the header ends in a newline.
  const start = Math.ceil((MAGIC.length + 4 + text.length + 1) / 64) * 64;
  const npy = new Uint8Array(start + data.byteLength).fill(0x20, 0, start);
  npy.set(Buffer.from(MAGIC, 'latin1'));
  npy.set([1, 0, (start - 10) & 0xff, (start - 10) >> 8], MAGIC.length);
  npy.set(Buffer.from(text, 'latin1'), 10);
  npy[start - 1] = 0x0a;
  npy.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
  return npy;
}

function parseNpy(what: string, npy: Uint8Array): NumpyArray {
  const { text, start } = headerOf(what, npy);
  const [, descr] = /'descr':\s*'([^']*)'/.exec(text) ?? [];
  const [, order] = /'fortran_order':\s*(True|False)/.exec(text) ?? [];
  const [, tuple] = /'shape':\s*\(([\d,\s]*)\)/.exec(text) ?? [];
  if (descr === undefined || order === undefined || tuple === undefined)
    throw new FormatError(`${what} has a header that is not numpy's`);
  if (order === 'True') throw new FormatError(`${what} is in Fortran order; save it in C order`);
  const type = TYPES[descr as keyof typeof TYPES];
  if (!type)
    throw new FormatError(`${what} has type ${descr}; expected one of ${Object.keys(TYPES).join(', ')}`);
  const shape = tuple
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  const bytes = shape.reduce((product, size) => product * size, type.BYTES_PER_ELEMENT);
  if (bytes !== npy.length - start)
    throw new FormatError(`${what} of shape [${shape}] needs ${bytes} bytes, but has ${npy.length - start}`);
  // A copy, since the elements need not be aligned inside the zip.
  return { shape, data: new type(npy.slice(start).buffer) };
}

function headerOf(what: string, npy: Uint8Array): { text: string; start: number } {
  const latin1 = (from: number, to: number) => Buffer.from(npy.subarray(from, to)).toString('latin1');
  if (npy.length < 12 || latin1(0, 6) !== MAGIC) throw new FormatError(`${what} is not a .npy array`);
  if (npy[6]! < 1 || npy[6]! > 2)
    throw new FormatError(`${what} is of version ${npy[6]} of the .npy format; expected 1 or 2`);
  const view = new DataView(npy.buffer, npy.byteOffset, npy.byteLength);
  const [first, length] = npy[6] === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  if (first + length > npy.length) throw new FormatError(`${what} ends inside its header`);
  return { text: latin1(first, first + length), start: first + length };
}
