import { applyReflectors, tridiagonalize } from './householder.js';
import { type DenseMatrix, largestMagnitude, normalizer, scaleInPlace } from './matrix.js';
import { type Eigenpairs, tridiagonalEigen } from './tridiagonalEigen.js';

/**
 * All eigenvalues of the symmetric n x n matrix whose lower triangle is in `a` (the rest is not read), largest
 * first, and orthonormal eigenvectors of the `count` largest, one per row (count x n). `a` is overwritten.
 * An eigenvalue is exact to about 1e-15 of the largest magnitude among them.
 */
export function symmetricEigen(a: DenseMatrix, count: number): Eigenpairs {
  const scale = normalizer(largestMagnitude(a.data));
  scaleInPlace(scale, a.data, 0, a.data.length);
  const { diagonal, offDiagonal, reflectors } = tridiagonalize(a);
  const { values, vectors } = tridiagonalEigen(diagonal, offDiagonal, count);
  applyReflectors(reflectors, vectors);
  scaleInPlace(1 / scale, values, 0, values.length);
  return { values, vectors };
}
