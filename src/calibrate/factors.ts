/** Low-rank factors of a linear layer: W ~ Wa Wb. */
export { FACTOR_METHODS, type FactorMethod } from '../cache/data/factorMethods.js';
export { type ScaledFactorsRequest, scaledFactors } from './scaledFactors.js';
export { type WhitenedFactorsRequest, whitenedFactors } from './whitenedFactors.js';

export interface Factors {
  /** Wa, Co x r, row-major. */
  readonly up: Float32Array;
  /** Wb, r x Ci, row-major. */
  readonly down: Float32Array;
  /** All min(Co, Ci) singular values of the matrix that was truncated, largest first. */
  readonly singularValues: Float64Array;
}
