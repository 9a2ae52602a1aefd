/** The fixed position table of DiT (`get_2d_sincos_pos_embed` of MAE and of Meta's DiT). */

/** Frequencies are 10000^(-i / count). */
const BASE = 10000;

/**
 * A table of (side * side) x width, row-major over the image: the first half of the channels encodes the column, the
 * second the row; in each half sines come before cosines. Places are divided by `scale`. Computed in float64, rounded once.
 */
export function positionTable(side: number, width: number, scale = 1): Float32Array {
  const table = new Float32Array(side * side * width);
  const half = width / 2;
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      const token = (row * side + column) * width;
      fillSinusoid(table.subarray(token, token + half), column / scale);
      fillSinusoid(table.subarray(token + half, token + width), row / scale);
    }
  return table;
}

function fillSinusoid(out: Float32Array, place: number): void {
  const count = out.length / 2;
  for (let i = 0; i < count; i++) {
    const angle = place * BASE ** (-i / count);
    out[i] = Math.sin(angle);
    out[count + i] = Math.cos(angle);
  }
}
