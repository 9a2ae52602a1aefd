/** The header of numpy's .npy format (numpy.lib.format, versions 1 and 2), and the order of its elements. */
import { FormatError } from '../errors.js';
import { latin1, viewOf } from './binary.js';
import { DTYPE_BYTES, type Dtype, tensorBytes } from './dtypes.js';

export interface NpyHeader {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly bigEndian: boolean;
  /** The first index runs fastest. */
  readonly fortran: boolean;
}

/** Element types by numpy's kind and size; a byte order stands before them. */
const TYPES: ReadonlyMap<string, Dtype> = new Map([
  ['b1', 'BOOL'],
  ['i1', 'I8'],
  ['u1', 'U8'],
  ['i2', 'I16'],
  ['u2', 'U16'],
  ['i4', 'I32'],
  ['u4', 'U32'],
  ['i8', 'I64'],
  ['u8', 'U64'],
  ['f2', 'F16'],
  ['f4', 'F32'],
  ['f8', 'F64'],
]);

const MAGIC = '\x93NUMPY';
/** Magic, version, and the length of the header in its longer form. */
export const NPY_PREFIX_BYTES = 12;
const MAX_HEADER_BYTES = 2 ** 20;

/** What precedes the elements of an array in C order, version 1: a multiple of 64 bytes. */
export function npyHeader(descr: string, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const size = Math.ceil((MAGIC.length + 4 + text.length + 1) / 64) * 64;
  const header = Uint8Array.from(`${MAGIC}\x01\x00  ${text}`.padEnd(size - 1).concat('\n'), (character) =>
    character.charCodeAt(0),
  );
  viewOf(header).setUint16(8, size - 10, true);
  return header;
}

/** Where the text of the header lies, from the first `NPY_PREFIX_BYTES` of the file. `what` begins error messages. */
export function npyHeaderSpan(what: string, prefix: Uint8Array): { start: number; end: number } {
  if (prefix.length < NPY_PREFIX_BYTES || latin1(prefix.subarray(0, 6)) !== MAGIC)
    throw new FormatError(`${what} is not a .npy array`);
  const version = prefix[6]!;
  if (version < 1 || version > 2)
    throw new FormatError(`${what} is of version ${version} of the .npy format; expected 1 or 2`);
  const view = viewOf(prefix);
  const [start, length] = version === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  if (length > MAX_HEADER_BYTES)
    throw new FormatError(`${what} has a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are read`);
  return { start, end: start + length };
}

/** Throws a `FormatError` for a text that is not numpy's or a type that is not read. */
export function parseNpyHeader(what: string, text: string): NpyHeader {
  const [, descr] = /'descr':\s*('[^']*'|\[.*?\])/.exec(text) ?? [];
  const [, order] = /'fortran_order':\s*(True|False)/.exec(text) ?? [];
  const [, tuple] = /'shape':\s*\(([\d,\s]*)\)/.exec(text) ?? [];
  if (descr === undefined || order === undefined || tuple === undefined)
    throw new FormatError(`${what} has a header that is not numpy's`);
  const [, byteOrder, type] = /^'([<>|=])(\w+)'$/.exec(descr) ?? [];
  const dtype = TYPES.get(type ?? '');
  if (dtype === undefined)
    throw new FormatError(
      `${what} has type ${descr.slice(0, 40)}; expected a number of ${[...TYPES.keys()].join(', ')}`,
    );
  const shape = tuple
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  return { shape, dtype, bigEndian: byteOrder === '>', fortran: order === 'True' && shape.length > 1 };
}

/** Bytes of all elements; infinite beyond 2^53. */
export function npyBytes({ dtype, shape }: NpyHeader): number {
  return tensorBytes(dtype, shape);
}

/** Rows first to first + count - 1 of an array in Fortran order, the bytes of their elements in C order. */
export function fortranRows(
  bytes: Uint8Array,
  { shape, dtype }: NpyHeader,
  first: number,
  count: number,
): Uint8Array {
  const width = DTYPE_BYTES[dtype];
  const [rows, ...sizes] = shape as [number, ...number[]];
  let elements = 1;
  const strides = sizes.map((size) => {
    const stride = rows * elements;
    elements *= size;
    return stride;
  });
  const out = new Uint8Array(count * elements * width);
  const index = sizes.map(() => 0);
  let offset = first;
  for (let element = 0; element < elements; element++) {
    for (let row = 0; row < count; row++) {
      const [from, to] = [(offset + row) * width, (row * elements + element) * width];
      for (let byte = 0; byte < width; byte++) out[to + byte] = bytes[from + byte]!;
    }
    // The next element in C order: the last index runs fastest.
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      index[axis]! += 1;
      if (index[axis]! < sizes[axis]!) break;
      offset -= strides[axis]! * sizes[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}
