/** Coefficients of a forecast by least squares, from the inner products of a feature at all steps. */

export interface FitRequest {
  /** G[a, b], the mean inner product of the feature at steps a and b, steps x steps, row-major. */
  readonly gram: Float64Array;
  /** The step that is forecast. */
  readonly step: number;
  /** The computed steps before it, the last one first. */
  readonly past: readonly number[];
  /** Added to the normal equations, as a share of their mean diagonal. Default 1e-6. */
  readonly ridge?: number;
}

export interface Fit {
  /** For each step of `past`; they sum to 1. */
  readonly coefficients: readonly number[];
  /** Expected squared error of the forecast, as a share of the mean square of the feature. */
  readonly error: number;
}

const DEFAULT_RIDGE = 1e-6;

/**
 * The c that minimise E |F(t) - sum c_i F(past_i)|^2 + ridge |c|^2 with sum c_i = 1 (L2P, arXiv 2604.26365, in closed form and
 * on computed steps alone). What the sum leaves free is c_1, c_2, ...: the normal equations are those of the differences
 * F(past_i) - F(past_0), whose inner products follow from G. With equations that are singular for all the ridge, as of features
 * that do not move, the last computed step is taken as it is.
 */
export function fitCoefficients({ gram, step, past, ridge = DEFAULT_RIDGE }: FitRequest): Fit {
  const steps = Math.sqrt(gram.length);
  const at = (a: number, b: number) => gram[a * steps + b]!;
  const [last, ...others] = past as [number, ...number[]];
  /** <F(a) - F(last), F(b) - F(last)> */
  const moved = (a: number, b: number) => at(a, b) - at(a, last) - at(last, b) + at(last, last);
  const size = others.length;
  const normal = others.map((a) => others.map((b) => moved(a, b)));
  const added = (ridge * normal.reduce((sum, row, i) => sum + row[i]!, 0)) / Math.max(1, size);
  for (const [i, row] of normal.entries()) row[i]! += added;
  const free =
    solveSymmetric(
      normal,
      others.map((a) => moved(a, step)),
    ) ?? others.map(() => 0);
  const coefficients = [1 - free.reduce((a, b) => a + b, 0), ...free];
  return { coefficients, error: errorOf(coefficients, past, step, at) };
}

/** E |F(t) - sum c_i F_i|^2 / E |F(t)|^2 = (G[t, t] - 2 c.g + c.G c) / G[t, t]; never below 0, which rounding might give. */
function errorOf(
  coefficients: readonly number[],
  past: readonly number[],
  step: number,
  at: (a: number, b: number) => number,
): number {
  let sum = at(step, step);
  for (const [i, a] of past.entries()) {
    sum -= 2 * coefficients[i]! * at(a, step);
    for (const [j, b] of past.entries()) sum += coefficients[i]! * coefficients[j]! * at(a, b);
  }
  return at(step, step) > 0 ? Math.max(0, sum) / at(step, step) : 0;
}

/** x of A x = b for a symmetric positive definite A by Cholesky; undefined where A is not. Of at most a few rows. */
function solveSymmetric(a: readonly (readonly number[])[], b: readonly number[]): number[] | undefined {
  const size = b.length;
  const lower = a.map((row) => [...row]);
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let sum = a[i]![j]!;
      for (let k = 0; k < j; k++) sum -= lower[i]![k]! * lower[j]![k]!;
      // A pivot that cancels to nothing is one of rounding.
      if (i === j && !(sum > 1e-13 * a[i]![i]!)) return undefined;
      lower[i]![j] = i === j ? Math.sqrt(sum) : sum / lower[j]![j]!;
    }
  const x = [...b];
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i]! -= lower[i]![k]! * x[k]!;
    x[i]! /= lower[i]![i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i]! -= lower[k]![i]! * x[k]!;
    x[i]! /= lower[i]![i]!;
  }
  return x;
}
