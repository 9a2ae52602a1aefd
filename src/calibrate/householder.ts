/**
 * A symmetric matrix as H T H^T, T tridiagonal and H a product of Householder reflectors (as EISPACK's
 * tred2 goes, from the last row up, so that a reflector is the start of a row and contiguous).
 */
import { dot } from '../dot.js';
import { addScaled, type DenseMatrix, scaleInPlace } from './matrix.js';

/** Below this squared length a row of a normalised matrix is zero: its reflector could not be exact. */
const NEGLIGIBLE = 1e-280;

export interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** offDiagonal[i] couples i - 1 and i; offDiagonal[0] is 0. */
  readonly offDiagonal: Float64Array;
  /** Row i holds the reflector I - v v^T of step i in its first i columns; v = 0 where none was needed. */
  readonly reflectors: DenseMatrix;
}

/**
 * Reduces the symmetric n x n matrix whose lower triangle is in `a`, entries of order 1; `a` is overwritten
 * and becomes `reflectors`. 4/3 n^3 flops. The update of one step and the product that the next step needs
 * are one pass over the matrix, for it does not fit the cache.
 */
export function tridiagonalize(a: DenseMatrix): Tridiagonal {
  const n = a.rows;
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(n);
  let v = new Float64Array(n);
  let w = new Float64Array(n);
  let nextV = new Float64Array(n);
  let nextW = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    updateRow(a, i, v, w);
    diagonal[i] = a.data[i * n + i]!;
    offDiagonal[i] = makeReflector(a.data, i * n, i);
    nextV.set(a.data.subarray(i * n, i * n + i));
    updateAndMultiply(a.data, n, i, v, w, nextV, nextW);
    addScaled(-0.5 * dot(nextV, 0, nextW, 0, i), nextV, 0, nextW, 0, i);
    [v, nextV] = [nextV, v];
    [w, nextW] = [nextW, w];
  }
  return { diagonal, offDiagonal, reflectors: a };
}

/** Turns eigenvectors of T, one per row of `vectors`, into eigenvectors of the matrix, in place. */
export function applyReflectors(reflectors: DenseMatrix, vectors: DenseMatrix): void {
  const n = reflectors.columns;
  let first = 0;
  // Four vectors stay in the L1 cache, and a reflector is fetched once for all of them.
  for (; first + 4 <= vectors.rows; first += 4) {
    for (let i = 1; i < n; i++) reflectFour(reflectors.data, i * n, vectors.data, first * n, n, i);
  }
  for (; first < vectors.rows; first++) {
    for (let i = 1; i < n; i++) {
      const projection = dot(reflectors.data, i * n, vectors.data, first * n, i);
      addScaled(-projection, reflectors.data, i * n, vectors.data, first * n, i);
    }
  }
}

/** x := x - v (v x) for four rows x, of which the first `count` columns change. */
function reflectFour(
  v: Float64Array,
  start: number,
  x: Float64Array,
  x0: number,
  stride: number,
  count: number,
): void {
  const x1 = x0 + stride;
  const x2 = x1 + stride;
  const x3 = x2 + stride;
  let p0 = 0;
  let p1 = 0;
  let p2 = 0;
  let p3 = 0;
  for (let k = 0; k < count; k++) {
    const value = v[start + k]!;
    p0 += value * x[x0 + k]!;
    p1 += value * x[x1 + k]!;
    p2 += value * x[x2 + k]!;
    p3 += value * x[x3 + k]!;
  }
  for (let k = 0; k < count; k++) {
    const value = v[start + k]!;
    x[x0 + k]! -= p0 * value;
    x[x1 + k]! -= p1 * value;
    x[x2 + k]! -= p2 * value;
    x[x3 + k]! -= p3 * value;
  }
}

/** Row i of A - v w^T - w v^T, up to the diagonal. */
function updateRow(a: DenseMatrix, i: number, v: Float64Array, w: Float64Array): void {
  const row = i * a.columns;
  addScaled(-v[i]!, w, 0, a.data, row, i + 1);
  addScaled(-w[i]!, v, 0, a.data, row, i + 1);
}

/**
 * Replaces x = a[start .. start + count) by the v of the reflector I - v v^T that sends x to a multiple of
 * the last unit vector, and returns that multiple.
 */
function makeReflector(a: Float64Array, start: number, count: number): number {
  if (count === 0) return 0;
  const last = start + count - 1;
  const tail = a[last]!;
  const head = dot(a, start, a, start, count - 1);
  if (head <= NEGLIGIBLE) {
    a.fill(0, start, start + count);
    return tail;
  }
  const length = Math.sqrt(head + tail * tail);
  const image = tail > 0 ? -length : length;
  a[last] = tail - image;
  scaleInPlace(1 / Math.sqrt(length * (length + Math.abs(tail))), a, start, count);
  return image;
}

/** A -= v w^T + w v^T on the lower triangle of the leading n' x n' part, and out = A u of the result. */
function updateAndMultiply(
  a: Float64Array,
  stride: number,
  size: number,
  v: Float64Array,
  w: Float64Array,
  u: Float64Array,
  out: Float64Array,
): void {
  out.fill(0, 0, size);
  let row = 0;
  if (size % 2 === 1) {
    updateDiagonal(a, stride, 0, v, w, u, out);
    row = 1;
  }
  for (; row < size; row += 2) {
    updateTwoRows(a, row * stride, stride, row, v, w, u, out);
    updateDiagonal(a, stride, row, v, w, u, out);
    updateDiagonal(a, stride, row + 1, v, w, u, out);
    updateBetween(a, stride, row, v, w, u, out);
  }
}

function updateDiagonal(
  a: Float64Array,
  stride: number,
  i: number,
  v: Float64Array,
  w: Float64Array,
  u: Float64Array,
  out: Float64Array,
): void {
  const place = i * stride + i;
  const value = a[place]! - 2 * v[i]! * w[i]!;
  a[place] = value;
  out[i]! += value * u[i]!;
}

/** The element that couples i and i + 1. */
function updateBetween(
  a: Float64Array,
  stride: number,
  i: number,
  v: Float64Array,
  w: Float64Array,
  u: Float64Array,
  out: Float64Array,
): void {
  const place = (i + 1) * stride + i;
  const value = a[place]! - v[i + 1]! * w[i]! - w[i + 1]! * v[i]!;
  a[place] = value;
  out[i]! += value * u[i + 1]!;
  out[i + 1]! += value * u[i]!;
}

/** Columns 0 .. i - 1 of rows i and i + 1; each element serves its own row and, by symmetry, its column. */
function updateTwoRows(
  a: Float64Array,
  start: number,
  stride: number,
  i: number,
  v: Float64Array,
  w: Float64Array,
  u: Float64Array,
  out: Float64Array,
): void {
  const next = start + stride;
  const v0 = v[i]!;
  const v1 = v[i + 1]!;
  const w0 = w[i]!;
  const w1 = w[i + 1]!;
  const u0 = u[i]!;
  const u1 = u[i + 1]!;
  let sum0 = 0;
  let sum1 = 0;
  for (let j = 0; j < i; j++) {
    const vj = v[j]!;
    const wj = w[j]!;
    const uj = u[j]!;
    const x0 = a[start + j]! - v0 * wj - w0 * vj;
    const x1 = a[next + j]! - v1 * wj - w1 * vj;
    a[start + j] = x0;
    a[next + j] = x1;
    sum0 += x0 * uj;
    sum1 += x1 * uj;
    out[j] = out[j]! + x0 * u0 + x1 * u1;
  }
  out[i]! += sum0;
  out[i + 1]! += sum1;
}
