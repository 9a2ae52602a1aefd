/** Polynomials over the steps as combinations of what computed steps kept. */
import type { Combination } from './combination.js';

/**
 * The polynomial that a feature is continued by:
 *
 * - `taylor`: as published (TaylorSeer, equations 2 and 3): a Taylor series whose differences all go by the distance
 *   between two computed steps in succession
 * - `newton`: the one through the computed steps, whatever lies between them. Of order 1 both are the same line; beyond, its
 *   coefficients are larger: exact for smooth features, it magnifies what is not smooth.
 */
export const SERIES_BASES = ['taylor', 'newton'] as const;
export type SeriesBasis = (typeof SERIES_BASES)[number];

/** Continues what is cached by a polynomial of this order, or less while fewer steps have been computed. */
export function seriesOf(of: Combination['of'], order: number, basis: SeriesBasis): Combination {
  return { of, terms: order + 1, coefficients: basis === 'newton' ? lagrange : taylor };
}

/** Coefficients of the polynomial through the steps of `past`, at `step`. */
function lagrange(step: number, past: readonly number[]): number[] {
  return past.map((own) =>
    past.reduce(
      (product, other) => (other === own ? product : (product * (step - other)) / (own - other)),
      1,
    ),
  );
}

/** sum of D(i) x^i / i!, x = step - past[0], where D(i+1) = (D(i) - D(i) one computed step before) / the steps between. */
function taylor(step: number, past: readonly number[]): number[] {
  const x = step - past[0]!;
  // Each difference as coefficients of what is kept; at every computed step, the last one first.
  let differences: number[][] = past.map((_, i) => past.map((_, j) => (i === j ? 1 : 0)));
  const sum = past.map(() => 0);
  let factor = 1;
  for (let order = 0; differences.length > 0; order++) {
    for (const [j, value] of differences[0]!.entries()) sum[j]! += factor * value;
    factor *= x / (order + 1);
    differences = differences.slice(1).map((before, i) => {
      const distance = past[i]! - past[i + 1]!;
      return before.map((value, j) => (differences[i]![j]! - value) / distance);
    });
  }
  return sum;
}
