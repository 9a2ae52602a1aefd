/** bfloat16 on the host: the upper half of a float32. */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bfloat16 nearest to the float32 of `value`, ties to even; NaN stays NaN. */
export function roundBf16(value: number): number {
  if (Number.isNaN(value)) return value;
  float[0] = value;
  const odd = (bits[0]! >>> 16) & 1;
  bits[0] = (bits[0]! + 0x7fff + odd) & 0xffff0000;
  return float[0]!;
}
