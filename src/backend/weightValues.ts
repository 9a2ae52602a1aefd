/** Values of weights on their way from a source to a device. */
import { IncacheError } from '../errors.js';
import type { PlanBuffer } from '../plan/types.js';
import type { WeightSource, WeightValues } from './backend.js';

/**
 * Reads a tensor and gives `use` its values: in the same turn if the source has them at once, since they are the source's
 * again afterwards. Rejects when there is none of that name, or not as many values as the plan expects.
 */
export async function withWeight<T>(
  source: WeightSource,
  { name, rows, columns }: PlanBuffer,
  use: (values: WeightValues) => T | Promise<T>,
): Promise<T> {
  const given = source.read(name);
  const values = given instanceof Promise ? await given : given;
  const { length } = elementsOf(values);
  if (length !== rows * columns)
    throw new IncacheError(`weight '${name}' has ${length} values; the plan expects ${rows} x ${columns}`);
  return use(values);
}

/** The numbers themselves, or their bits. */
export function elementsOf(values: WeightValues): Float32Array | Uint16Array {
  return 'bits' in values ? values.bits : values;
}

/** Widened, without rounding. */
export function asFloat32(values: WeightValues): Float32Array {
  if (!('bits' in values)) return values;
  const { type, bits } = values;
  const widened = new Float32Array(bits.length);
  const target = new Uint32Array(widened.buffer);
  const widen = type === 'bf16' ? (half: number) => half << 16 : float16ToFloat32Bits;
  for (let i = 0; i < bits.length; i++) target[i] = widen(bits[i]!);
  return widened;
}

function float16ToFloat32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal half is fraction x 2^-24: shifted until its highest bit is the hidden one.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
