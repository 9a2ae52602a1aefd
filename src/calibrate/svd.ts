/** Truncated singular value decomposition of a dense matrix, by the eigenvectors of its Gram matrix. */
import { dot } from '../dot.js';
import { requireInteger } from '../errors.js';
import {
  type DenseMatrix,
  gram,
  largestMagnitude,
  normalizer,
  scaleInPlace,
  timesTransposed,
  transpose,
} from './matrix.js';
import { symmetricEigen } from './symmetricEigen.js';

export interface TruncatedSvd {
  /** Left singular vectors, one per row: rank x rows. */
  readonly left: DenseMatrix;
  /** Right singular vectors, one per row: rank x columns. */
  readonly right: DenseMatrix;
  /** All min(rows, columns) singular values, largest first. */
  readonly singularValues: Float64Array;
}

/**
 * The `rank` largest singular triplets of `a` (finite numbers), so that left^T diag(s) right is the best
 * approximation of that rank.
 *
 * The Gram matrix of the shorter side squares the singular values: one of less than about 1e-8 of the largest
 * is only known to be that small, and among such ones the order and the vectors are arbitrary. The vectors
 * of the shorter side are orthonormal to rounding all the same, and those of the longer side are the exact
 * products of the matrix with them, so that the product of the factors is an exact projection of `a`: of
 * full rank it is `a` to rounding. Where a singular value is 0 the vector on the longer side is 0.
 *
 * @throws ArgumentError unless 1 <= rank <= min(rows, columns).
 */
export function truncatedSvd(a: DenseMatrix, rank: number): TruncatedSvd {
  requireInteger('rank', rank, 1, Math.min(a.rows, a.columns));
  const wide = a.rows <= a.columns;
  const scale = normalizer(largestMagnitude(a.data));
  const across = transpose(a);
  // Its rows are the shorter side.
  const short = scaled(wide ? a : across, scale);
  const { values, vectors } = symmetricEigen(gram(short), rank);
  const products = timesTransposed(vectors, wide ? across : a);
  const singularValues = values.map((value) => Math.sqrt(Math.max(0, value)) / scale);
  singularValues.set(normalizeRows(products));
  return {
    left: wide ? vectors : products,
    right: wide ? products : vectors,
    singularValues,
  };
}

/** Makes the rows of `a` unit vectors in place and returns their lengths; a row of zeros stays. */
export function normalizeRows(a: DenseMatrix): Float64Array {
  const lengths = new Float64Array(a.rows);
  for (let i = 0; i < a.rows; i++) {
    const row = i * a.columns;
    const scale = normalizer(largestMagnitude(a.data.subarray(row, row + a.columns)));
    scaleInPlace(scale, a.data, row, a.columns);
    const length = Math.sqrt(dot(a.data, row, a.data, row, a.columns));
    if (length === 0) continue;
    scaleInPlace(1 / length, a.data, row, a.columns);
    lengths[i] = length / scale;
  }
  return lengths;
}

function scaled(a: DenseMatrix, scale: number): DenseMatrix {
  return { ...a, data: a.data.map((value) => value * scale) };
}
