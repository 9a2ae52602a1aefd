import { dot } from '../dot.js';
import { addScaled, type DenseMatrix, scaleInPlace, zeros } from './matrix.js';

/**
 * Lower triangular L with A = L L^T, from the lower triangle of the symmetric `a`; undefined when `a` is not
 * positive definite to rounding.
 */
export function cholesky(a: DenseMatrix): DenseMatrix | undefined {
  const n = a.rows;
  const lower = zeros(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const rest = a.data[i * n + j]! - dot(lower.data, i * n, lower.data, j * n, j);
      lower.data[i * n + j] = rest / lower.data[j * n + j]!;
    }
    const pivot = a.data[i * n + i]! - dot(lower.data, i * n, lower.data, i * n, i);
    if (!(pivot > 0)) return undefined;
    lower.data[i * n + i] = Math.sqrt(pivot);
  }
  return lower;
}

/** Replaces every row x of `rows` by x L^-1, L lower triangular. */
export function solveRows(lower: DenseMatrix, rows: DenseMatrix): void {
  const n = lower.rows;
  for (let row = 0; row < rows.rows; row++) {
    const start = row * n;
    for (let j = n - 1; j >= 0; j--) {
      scaleInPlace(1 / lower.data[j * n + j]!, rows.data, start + j, 1);
      addScaled(-rows.data[start + j]!, lower.data, j * n, rows.data, start, j);
    }
  }
}
