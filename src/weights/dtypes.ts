/** Element types of safetensors files and their widening to float32. */
import { FormatError } from '../errors.js';

/**
 * Bytes of an element, by the file format's name of the type. Tensors of the types after BOOL can be listed, skipped and
 * copied, but have no float32 values here.
 */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E8M0: 1,
  F8_E4M3FNUZ: 1,
  F8_E5M2FNUZ: 1,
  C64: 8,
} as const;

const WITHOUT_VALUES = ['F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ', 'C64'] as const;
type WithoutValues = (typeof WITHOUT_VALUES)[number];

export type Dtype = keyof typeof DTYPE_BYTES;

export const DTYPES = Object.keys(DTYPE_BYTES) as Dtype[];

export function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BYTES, value);
}

/** Bytes of a tensor; beyond 2^53, where a number is not exact any more, it is infinity. */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number {
  // An empty tensor takes no bytes, but its other sizes must not overflow either.
  const most = shape.reduce((product, size) => product * Math.max(size, 1), DTYPE_BYTES[dtype]);
  if (most > Number.MAX_SAFE_INTEGER) return Number.POSITIVE_INFINITY;
  return shape.includes(0) ? 0 : most;
}

/**
 * Little-endian elements as float32, rounded to nearest where they do not fit. Throws a `FormatError` for a type that
 * has no such values.
 */
export function widenToFloat32(dtype: Dtype, bytes: Uint8Array): Float32Array {
  requireValues(dtype);
  const values = new Float32Array(bytes.byteLength / DTYPE_BYTES[dtype]);
  if (dtype === 'BF16') return widenBfloat16(bytes, values);
  if (dtype === 'F16') return widenFloat16(bytes, values);
  if (dtype === 'F8_E4M3' || dtype === 'F8_E5M2') {
    const table = float8Table(dtype);
    for (let i = 0; i < values.length; i++) values[i] = table[bytes[i]!]!;
    return values;
  }
  const read = elementReader(dtype, bytes);
  for (let i = 0; i < values.length; i++) values[i] = Number(read(i));
  return values;
}

/** Little-endian elements as float64; as `widenToFloat32`. */
export function widenToFloat64(dtype: Dtype, bytes: Uint8Array): Float64Array {
  requireValues(dtype);
  if (isSmallFloat(dtype)) return Float64Array.from(widenToFloat32(dtype, bytes));
  const read = elementReader(dtype, bytes);
  return Float64Array.from({ length: bytes.byteLength / DTYPE_BYTES[dtype] }, (_, i) => Number(read(i)));
}

type SmallFloat = 'F16' | 'BF16' | 'F8_E4M3' | 'F8_E5M2';

function isSmallFloat(dtype: Dtype): dtype is SmallFloat {
  return ['F16', 'BF16', 'F8_E4M3', 'F8_E5M2'].includes(dtype);
}

function requireValues(dtype: Dtype): asserts dtype is Exclude<Dtype, WithoutValues> {
  if ((WITHOUT_VALUES as readonly Dtype[]).includes(dtype))
    throw new FormatError(`the values of type ${dtype} cannot be read as floats`);
}

function elementReader(
  dtype: Exclude<Dtype, SmallFloat | WithoutValues>,
  bytes: Uint8Array,
): (i: number) => number | bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (dtype) {
    case 'F64':
      return (i) => view.getFloat64(i * 8, true);
    case 'F32':
      return (i) => view.getFloat32(i * 4, true);
    case 'I64':
      return (i) => view.getBigInt64(i * 8, true);
    case 'U64':
      return (i) => view.getBigUint64(i * 8, true);
    case 'I32':
      return (i) => view.getInt32(i * 4, true);
    case 'U32':
      return (i) => view.getUint32(i * 4, true);
    case 'I16':
      return (i) => view.getInt16(i * 2, true);
    case 'U16':
      return (i) => view.getUint16(i * 2, true);
    case 'I8':
      return (i) => view.getInt8(i);
    default:
      return (i) => view.getUint8(i);
  }
}

/** A bfloat16 is the upper half of a float32. */
function widenBfloat16(bytes: Uint8Array, values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.buffer);
  for (let i = 0; i < bits.length; i++) bits[i] = (bytes[2 * i]! << 16) | (bytes[2 * i + 1]! << 24);
  return values;
}

function widenFloat16(bytes: Uint8Array, values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.buffer);
  const table = float16Table();
  for (let i = 0; i < bits.length; i++) bits[i] = table[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!;
  return values;
}

let float16Bits: Uint32Array | undefined;

/** The float32 bits of all 65,536 halves: filled once, 256 KiB. */
function float16Table(): Uint32Array {
  float16Bits ??= Uint32Array.from({ length: 65536 }, (_, half) => float16ToBits(half));
  return float16Bits;
}

function float16ToBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  // A subnormal half is fraction x 2^-24, a normal float32.
  const magnitude = new Uint32Array(Float32Array.of(fraction * 2 ** -24).buffer)[0]!;
  return (sign | magnitude) >>> 0;
}

/** The values of all 256 float8 numbers (Micikevicius et al. 2022, table 1), to float32 without rounding. */
function float8Table(dtype: 'F8_E4M3' | 'F8_E5M2'): Float32Array {
  // E5M2 is the upper byte of a half.
  if (dtype === 'F8_E5M2')
    return widenToFloat32(
      'F16',
      Uint8Array.from({ length: 512 }, (_, i) => (i % 2 === 0 ? 0 : i >> 1)),
    );
  return Float32Array.from({ length: 256 }, (_, bits) => {
    const [exponent, fraction] = [(bits >> 3) & 0xf, bits & 0x7];
    const sign = bits & 0x80 ? -1 : 1;
    if (exponent === 0xf && fraction === 0x7) return Number.NaN;
    return sign * (exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10));
  });
}
