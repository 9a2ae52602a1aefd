/** Polynomials over the steps as combinations of what computed steps kept. */
import type { Combination } from './combination.js';
import { foca } from './foca.js';

/**
 * The polynomial that a feature is continued by:
 *
 * - `taylor`: as published (TaylorSeer, equations 2 and 3): a Taylor series whose differences all go by the distance
 *   between two computed steps in succession
 * - `newton`: the one through the computed steps, whatever lies between them. Of order 1 both are the same line; beyond, its
 *   coefficients are larger: exact for smooth features, it magnifies what is not smooth.
 * - `hermite`: the published series damped (HiCache, arXiv 2508.16984): x^i becomes s^i H_i(s x), H the physicists' Hermite
 *   polynomials, s = 1/2
 * - `foca`: the second backward differentiation formula (foca.ts); of order 2
 */
export const SERIES_BASES = ['taylor', 'newton', 'hermite', 'foca'] as const;
export type SeriesBasis = (typeof SERIES_BASES)[number];

/** Continues what is cached by a polynomial of this order, or less while fewer steps have been computed. */
export function seriesOf(of: Combination['of'], order: number, basis: SeriesBasis): Combination {
  return { of, terms: order + 1, coefficients: COEFFICIENTS[basis] };
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

/**
 * sum of D(i) p(i) / i!, where D(i+1) = (D(i) - D(i) one computed step before) / the steps between. `powers` are p(0), p(1), ... of
 * x = step - past[0].
 */
function series(
  step: number,
  past: readonly number[],
  powers: (x: number, count: number) => number[],
): number[] {
  // Each difference as coefficients of what is kept; at every computed step, the last one first.
  let differences: number[][] = past.map((_, i) => past.map((_, j) => (i === j ? 1 : 0)));
  const sum = past.map(() => 0);
  let factorial = 1;
  for (const [order, power] of powers(step - past[0]!, past.length).entries()) {
    if (order > 0) factorial *= order;
    for (const [j, value] of differences[0]!.entries()) sum[j]! += (power / factorial) * value;
    differences = differences.slice(1).map((before, i) => {
      const distance = past[i]! - past[i + 1]!;
      return before.map((value, j) => (differences[i]![j]! - value) / distance);
    });
  }
  return sum;
}

function monomials(x: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => x ** i);
}

/** s of HiCache. */
const DAMPING = 0.5;

/** s^i H_i(s x): H_0 = 1, H_1 = 2 x, H_(i+1) = 2 x H_i - 2 i H_(i-1). */
function dampedHermites(x: number, count: number): number[] {
  const hermites = [1, 2 * DAMPING * x];
  for (let i = 1; i + 1 < count; i++)
    hermites.push(2 * DAMPING * x * hermites[i]! - 2 * i * hermites[i - 1]!);
  return hermites.slice(0, count).map((value, i) => DAMPING ** i * value);
}

const COEFFICIENTS: Readonly<Record<SeriesBasis, (step: number, past: readonly number[]) => number[]>> = {
  taylor: (step, past) => series(step, past, monomials),
  newton: lagrange,
  hermite: (step, past) => series(step, past, dampedHermites),
  foca,
};
