/** float16 (IEEE binary16) on the host. */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

const LEAST_INFINITE = 65520;
const LEAST_EXPONENT = -14;
const FRACTION_BITS = 10;

/** The float16 nearest to the float32 of `value`, ties to even; infinite from 65,520 on. NaN stays NaN. */
export function roundF16(value: number): number {
  float[0] = value;
  const single = float[0]!;
  const magnitude = Math.abs(single);
  if (!(magnitude < LEAST_INFINITE)) return single * Number.POSITIVE_INFINITY;
  const exponent = Math.max(((bits[0]! >>> 23) % 256) - 127, LEAST_EXPONENT);
  // A float64 that much larger has the steps of a float16 here.
  const large = 2 ** (52 + exponent - FRACTION_BITS);
  const rounded = magnitude + large - large;
  return bits[0]! >>> 31 ? -rounded : rounded;
}
