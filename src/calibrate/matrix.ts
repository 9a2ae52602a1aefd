/**
 * Dense float64 matrices for calibration, row-major. Products are taken of rows with rows (A B^T), so that
 * both operands are read in the order they lie in memory.
 */
import { dot } from '../dot.js';

/** `data` holds rows * columns numbers, row-major. */
export interface DenseMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** Columns of A and B multiplied at a time, so that the rows of a tile stay in the L1 cache. */
const DEPTH = 256;
/** Rows of B that stay in the L2 cache while all of A passes. */
const PANEL = 64;
const TILE_ROWS = 2;
const TILE_COLUMNS = 4;

export function zeros(rows: number, columns: number): DenseMatrix {
  return { rows, columns, data: new Float64Array(rows * columns) };
}

/** columns x rows. */
export function transpose(a: DenseMatrix): DenseMatrix {
  const out = zeros(a.columns, a.rows);
  const block = 32;
  for (let i = 0; i < a.rows; i += block) {
    const rowEnd = Math.min(i + block, a.rows);
    for (let j = 0; j < a.columns; j += block) {
      const columnEnd = Math.min(j + block, a.columns);
      for (let r = i; r < rowEnd; r++) {
        for (let c = j; c < columnEnd; c++) out.data[c * a.rows + r] = a.data[r * a.columns + c]!;
      }
    }
  }
  return out;
}

/** A B^T, a.rows x b.rows; A and B have the same number of columns. */
export function timesTransposed(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const out = zeros(a.rows, b.rows);
  accumulateProduct(a, b, out.data, false);
  return out;
}

/** A A^T, a.rows x a.rows. Only the lower triangle is computed; the other half is its mirror. */
export function gram(a: DenseMatrix): DenseMatrix {
  const out = zeros(a.rows, a.rows);
  accumulateProduct(a, a, out.data, true);
  mirrorLower(out);
  return out;
}

/** out += A B^T; `lower` leaves out tiles that lie wholly above the diagonal. */
function accumulateProduct(a: DenseMatrix, b: DenseMatrix, out: Float64Array, lower: boolean): void {
  for (let k = 0; k < a.columns; k += DEPTH) {
    const depth = Math.min(DEPTH, a.columns - k);
    for (let j = 0; j < b.rows; j += PANEL) {
      const panelEnd = Math.min(j + PANEL, b.rows);
      for (let i = lower ? j : 0; i < a.rows; i += TILE_ROWS) {
        const end = lower ? Math.min(panelEnd, i + TILE_ROWS) : panelEnd;
        rowTimesPanel(a, i, b, j, end, k, depth, out);
      }
    }
  }
}

/** Rows i and i + 1 of A by rows j to jEnd of B; what does not fill a tile goes one product at a time. */
function rowTimesPanel(
  a: DenseMatrix,
  i: number,
  b: DenseMatrix,
  j: number,
  jEnd: number,
  k: number,
  depth: number,
  out: Float64Array,
): void {
  const stride = a.columns;
  const outStride = b.rows;
  const rowEnd = Math.min(i + TILE_ROWS, a.rows);
  let column = j;
  if (rowEnd - i === TILE_ROWS) {
    for (; column < jEnd && column + TILE_COLUMNS <= b.rows; column += TILE_COLUMNS) {
      const place = i * outStride + column;
      tile(a.data, i * stride + k, b.data, column * stride + k, stride, depth, out, place, outStride);
    }
  }
  for (; column < jEnd; column++) {
    for (let row = i; row < rowEnd; row++) {
      out[row * outStride + column]! += dot(a.data, row * stride + k, b.data, column * stride + k, depth);
    }
  }
}

/** out[0..1][0..3] += the products of two rows of A with four of B: eight sums that stay in registers. */
function tile(
  a: Float64Array,
  a0: number,
  b: Float64Array,
  b0: number,
  stride: number,
  depth: number,
  out: Float64Array,
  place: number,
  outStride: number,
): void {
  const a1 = a0 + stride;
  const b1 = b0 + stride;
  const b2 = b1 + stride;
  const b3 = b2 + stride;
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  for (let k = 0; k < depth; k++) {
    const x0 = a[a0 + k]!;
    const x1 = a[a1 + k]!;
    const y0 = b[b0 + k]!;
    s00 += x0 * y0;
    s10 += x1 * y0;
    const y1 = b[b1 + k]!;
    s01 += x0 * y1;
    s11 += x1 * y1;
    const y2 = b[b2 + k]!;
    s02 += x0 * y2;
    s12 += x1 * y2;
    const y3 = b[b3 + k]!;
    s03 += x0 * y3;
    s13 += x1 * y3;
  }
  out[place]! += s00;
  out[place + 1]! += s01;
  out[place + 2]! += s02;
  out[place + 3]! += s03;
  const next = place + outStride;
  out[next]! += s10;
  out[next + 1]! += s11;
  out[next + 2]! += s12;
  out[next + 3]! += s13;
}

function mirrorLower(a: DenseMatrix): void {
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < i; j++) a.data[j * a.columns + i] = a.data[i * a.columns + j]!;
  }
}

/** y[yStart + k] += factor * x[xStart + k]. */
export function addScaled(
  factor: number,
  x: Float64Array,
  xStart: number,
  y: Float64Array,
  yStart: number,
  count: number,
): void {
  for (let k = 0; k < count; k++) y[yStart + k]! += factor * x[xStart + k]!;
}

/** Multiplies x[start .. start + count) by `factor` in place. */
export function scaleInPlace(factor: number, x: Float64Array, start: number, count: number): void {
  for (let k = 0; k < count; k++) x[start + k]! *= factor;
}

/** Largest magnitude; 0 of nothing. */
export function largestMagnitude(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/**
 * A power of two near 1 / `magnitude` (1 for zero): multiplying by it rounds nothing, and squares of what
 * was scaled by it neither overflow nor vanish.
 */
export function normalizer(magnitude: number): number {
  if (magnitude === 0) return 1;
  const exponent = Math.max(-1022, Math.min(1022, -Math.floor(Math.log2(magnitude))));
  return 2 ** exponent;
}
