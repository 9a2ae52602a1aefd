/** Bicubic resizing as Pillow does it, with which CLIP's pictures are prepared: the filter widens when a picture shrinks. */
import type { Pictures } from '../metrics/pictures.js';

/** Of Keys' cubic convolution (IEEE Transactions on Acoustics, Speech, and Signal Processing 29, 1981). */
const A = -0.5;

function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
}

interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

export function resizeBicubic({ data, shape }: Pictures, height: number, width: number): Pictures {
  const [images, channels, fromHeight, fromWidth] = shape;
  const planes = images * channels;
  const wide = alongRows(data, planes * fromHeight, fromWidth, tapsOf(fromWidth, width));
  const out = new Float32Array(planes * height * width);
  const rows = tapsOf(fromHeight, height);
  for (let plane = 0; plane < planes; plane++)
    for (const [y, { first, weights }] of rows.entries())
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (const [i, weight] of weights.entries())
          sum += weight * wide[(plane * fromHeight + first + i) * width + x]!;
        out[(plane * height + y) * width + x] = sum;
      }
  return { data: out, shape: [images, channels, height, width] };
}

function alongRows(data: Float32Array, rows: number, columns: number, taps: readonly Taps[]): Float32Array {
  const out = new Float32Array(rows * taps.length);
  for (let row = 0; row < rows; row++)
    for (const [x, { first, weights }] of taps.entries()) {
      let sum = 0;
      for (const [i, weight] of weights.entries()) sum += weight * data[row * columns + first + i]!;
      out[row * taps.length + x] = sum;
    }
  return out;
}

/** For every place of the result the first that it is made of, and the weights from there on, which sum to 1. */
function tapsOf(from: number, to: number): Taps[] {
  const scale = from / to;
  const widened = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - 2 * widened + 0.5));
    const end = Math.min(from, Math.floor(centre + 2 * widened + 0.5));
    const weights = Array.from({ length: end - first }, (_, i) =>
      cubic((first + i - centre + 0.5) / widened),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}
