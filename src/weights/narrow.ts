/** Float32 values in the 16-bit types of files, rounded to nearest, ties to even. */
import { FormatError } from '../errors.js';

export type NarrowType = 'F32' | 'BF16' | 'F16';

/**
 * The values in elements of `dtype`. Throws a `FormatError` that begins with `what` where a finite value is beyond the
 * largest of that type.
 */
export function narrowFloat32(
  what: string,
  dtype: NarrowType,
  values: Float32Array,
): Float32Array | Uint16Array {
  if (dtype === 'F32') return values;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const narrow = dtype === 'BF16' ? bfloat16Bits : float16Bits;
  const infinity = dtype === 'BF16' ? 0x7f80 : 0x7c00;
  const narrowed = new Uint16Array(values.length);
  for (let i = 0; i < narrowed.length; i++) {
    narrowed[i] = narrow(bits[i]!);
    if ((narrowed[i]! & 0x7fff) === infinity && Number.isFinite(values[i]!))
      throw new FormatError(`${what} holds ${values[i]}, which is beyond the range of ${dtype}`);
  }
  return narrowed;
}

/** The nearest values that bfloat16 has, ties to even. */
export function roundToBfloat16(values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return new Float32Array(Uint32Array.from(bits, (each) => bfloat16Bits(each) << 16).buffer);
}

/** bits: of a float32. */
function bfloat16Bits(bits: number): number {
  const isNan = (bits & 0x7fffffff) >>> 0 > 0x7f800000;
  if (isNan) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** bits: of a float32. */
function float16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  // The exponent of a half, whose bias is 15 instead of 127; from 0 down it is subnormal.
  const half = exponent - 112;
  if (half >= 31) return sign | 0x7c00;
  if (half > 0) return sign | roundShift((half << 23) | fraction, 13);
  if (half < -10) return sign;
  return sign | roundShift(fraction | 0x800000, 14 - half);
}

/** bits / 2^shift to the nearest integer, ties to even. A carry goes into the exponent, as it must. */
function roundShift(bits: number, shift: number): number {
  const floor = bits >>> shift;
  const rest = bits & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return floor + (rest > tie || (rest === tie && (floor & 1) === 1) ? 1 : 0);
}
