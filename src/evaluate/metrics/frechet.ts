/**
 * The Frechet distance between two Gaussians (Dowson and Landau, "The Frechet distance between multivariate
 * normal distributions", 1982), which on features of InceptionV3 is called FID (Heusel et al., "GANs trained by a
 * two time-scale update rule converge to a local Nash equilibrium", arXiv 1706.08500, equation 6).
 */
import { type DenseMatrix, timesTransposed, zeros } from '../../calibrate/matrix.js';
import { symmetricEigen } from '../../calibrate/symmetricEigen.js';
import { ArgumentError } from '../../errors.js';
import type { Gaussian } from './gaussian.js';

/**
 * |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), which is 0 for equal ones. Never negative.
 * Throws an `ArgumentError` for Gaussians of two dimensions.
 */
export function frechetDistance(a: Gaussian, b: Gaussian): number {
  const features = a.mean.length;
  if (b.mean.length !== features)
    throw new ArgumentError(
      'reference statistics',
      `of ${b.mean.length} features`,
      `${features}, as the images have`,
    );
  for (const [name, { covariance }] of Object.entries({ a, b }))
    if (covariance.length !== features ** 2)
      throw new ArgumentError(
        `covariance of ${name}`,
        `${covariance.length} numbers`,
        `${features ** 2}, which are ${features} x ${features}`,
      );
  let distance = -2 * traceOfRoot(a.covariance, b.covariance, features);
  for (let i = 0; i < features; i++) {
    const diagonal = i * (features + 1);
    distance += (a.mean[i]! - b.mean[i]!) ** 2 + a.covariance[diagonal]! + b.covariance[diagonal]!;
  }
  return Math.max(0, distance);
}

/**
 * tr (S1 S2)^(1/2). The product is not symmetric, but has the eigenvalues of R S2 R^T with R = S1^(1/2), so that
 * symmetric eigenvalues are all it takes: with S1 = V L V^T, R may be L^(1/2) V^T.
 */
function traceOfRoot(s1: Float64Array, s2: Float64Array, size: number): number {
  const matrix = (data: Float64Array): DenseMatrix => ({ rows: size, columns: size, data });
  const root = zeros(size, size);
  const { values, vectors } = symmetricEigen(matrix(s1.slice()), size);
  for (let i = 0; i < size; i++) {
    // Rounding makes eigenvalues of zero slightly negative.
    const scale = Math.sqrt(Math.max(0, values[i]!));
    for (let j = 0; j < size; j++) root.data[i * size + j] = scale * vectors.data[i * size + j]!;
  }
  const product = timesTransposed(timesTransposed(root, matrix(s2)), root);
  let trace = 0;
  for (const value of symmetricEigen(product, 0).values) trace += Math.sqrt(Math.max(0, value));
  return trace;
}

/** A distance is named after its features: FID is what InceptionV3 gives, and who passes that model knows it. */
export function frechetName(extractor: string): string {
  return extractor === 'digits' ? 'digits Frechet distance' : `Frechet distance (${extractor})`;
}
