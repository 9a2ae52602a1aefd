/**
 * Rows of e4m3 numbers (8 bits: sign, 4 of exponent, 3 of mantissa, no infinity; Micikevicius et al., FP8 Formats for Deep
 * Learning, 2022) with one float32 scale per row, which makes the largest of a row 448.
 */
const LARGEST = 448;
const LEAST_EXPONENT = -6;

/** `value` as the nearest e4m3 number, ties to even; beyond 448 that. */
export function roundE4m3(value: number): number {
  if (!(Math.abs(value) < LARGEST)) return Math.sign(value) * LARGEST;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), LEAST_EXPONENT);
  const step = 2 ** (exponent - 3);
  return roundToEven(value / step) * step;
}

/** Replaces `columns` values from `first` on by what a row of e4m3 with its scale holds of them. */
export function roundRowE4m3(values: Float64Array | Float32Array, first: number, columns: number): void {
  const row = values.subarray(first, first + columns);
  let largest = 0;
  for (const value of row) largest = Math.max(largest, Math.abs(value));
  const scale = Math.fround(largest / LARGEST);
  for (const [j, value] of row.entries()) row[j] = scale === 0 ? 0 : roundE4m3(value / scale) * scale;
}

function roundToEven(value: number): number {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}
