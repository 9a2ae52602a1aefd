/** Element types of safetensors files and their widening to float32. */

/** Bytes of an element, by the file format's name of the type. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

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

/** Little-endian elements of any type as float32, rounded to nearest where they do not fit. */
export function widenToFloat32(dtype: Dtype, bytes: Uint8Array): Float32Array {
  const values = new Float32Array(bytes.byteLength / DTYPE_BYTES[dtype]);
  if (dtype === 'BF16') return widenBfloat16(bytes, values);
  if (dtype === 'F16') return widenFloat16(bytes, values);
  const read = elementReader(dtype, bytes);
  for (let i = 0; i < values.length; i++) values[i] = Number(read(i));
  return values;
}

/** Little-endian elements of any type as float64. */
export function widenToFloat64(dtype: Dtype, bytes: Uint8Array): Float64Array {
  if (dtype === 'F16' || dtype === 'BF16') return Float64Array.from(widenToFloat32(dtype, bytes));
  const read = elementReader(dtype, bytes);
  return Float64Array.from({ length: bytes.byteLength / DTYPE_BYTES[dtype] }, (_, i) => Number(read(i)));
}

function elementReader(
  dtype: Exclude<Dtype, 'F16' | 'BF16'>,
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
