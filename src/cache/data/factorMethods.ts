/**
 * What the factors are the best approximation for.
 * - `svd`: the weight itself
 * - `ca`: the weight scaled by the magnitudes of activations
 * - `cd`: by those of their differences between consecutive steps; `cd_i` and `cd_o` on one side only
 * - `whitened`: the increments themselves, with their correlations
 */
export const FACTOR_METHODS = ['svd', 'ca', 'cd', 'cd_i', 'cd_o', 'whitened'] as const;

export type FactorMethod = (typeof FACTOR_METHODS)[number];
