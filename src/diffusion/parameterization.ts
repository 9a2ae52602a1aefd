/** What a network predicts, and how x0 and the noise follow from it and x. */

/**
 * `epsilon`: the noise. `v_prediction`: sqrt(a) noise - sqrt(1 - a) x0 (Salimans and Ho 2022). `sample`: x0 itself.
 */
export const PARAMETERIZATIONS = ['epsilon', 'v_prediction', 'sample'] as const;
export type Parameterization = (typeof PARAMETERIZATIONS)[number];

/** Coefficients of x and of the network's output. */
export interface Combination {
  readonly x: number;
  readonly noise: number;
}

/** x0, where x = sqrt(alpha) x0 + sqrt(1 - alpha) noise. alpha: cumulative product, above 0 for `epsilon`. */
export function cleanFrom(kind: Parameterization, alpha: number): Combination {
  const [signal, sigma] = [Math.sqrt(alpha), Math.sqrt(1 - alpha)];
  switch (kind) {
    case 'epsilon':
      return { x: 1 / signal, noise: -sigma / signal };
    case 'v_prediction':
      return { x: signal, noise: -sigma };
    case 'sample':
      return { x: 0, noise: 1 };
  }
}

/** The noise in x, likewise. alpha: below 1 for `sample`. */
export function noiseFrom(kind: Parameterization, alpha: number): Combination {
  const [signal, sigma] = [Math.sqrt(alpha), Math.sqrt(1 - alpha)];
  switch (kind) {
    case 'epsilon':
      return { x: 0, noise: 1 };
    case 'v_prediction':
      return { x: sigma, noise: signal };
    case 'sample':
      return { x: 1 / sigma, noise: -signal / sigma };
  }
}
