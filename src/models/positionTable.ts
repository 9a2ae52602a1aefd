/** The fixed position table of DiT (`get_2d_sincos_pos_embed` of MAE and of Meta's DiT). */

import type { Geometry } from './network.js';

/** Frequencies are 10000^(-i / count). */
const BASE = 10000;

/**
 * A table of (height * width) x channels, row-major over the grid: the first half of the channels encodes the column, the
 * second the row; in each half sines come before cosines. Rows and columns are divided by `scale`. Computed in float64,
 * rounded once.
 */
export function positionTable(
  { height, width }: Geometry,
  channels: number,
  scale: Geometry = { height: 1, width: 1 },
): Float32Array {
  const table = new Float32Array(height * width * channels);
  const half = channels / 2;
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const token = (row * width + column) * channels;
      fillSinusoid(table.subarray(token, token + half), column / scale.width);
      fillSinusoid(table.subarray(token + half, token + channels), row / scale.height);
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
