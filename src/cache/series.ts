/** From reuse to extrapolation: what is stored and returned of a sublayer becomes a polynomial over the steps. */
import type { BlockActions, BlockLinear, LinearAction, SeriesAction } from '../models/layers/actions.js';
import type { StepActions } from './policy.js';
import type { Schedule } from './schedule.js';

/**
 * The polynomial that a sublayer's output is continued by:
 *
 * - `newton`: the one through the computed steps, with divided differences over their true distances
 * - `taylor`: as published (TaylorSeer, equations 2 and 3): the Taylor series of differences that all go by the distance
 *   between the last two computed steps. Of order 1 both are the same line.
 */
export const SERIES_BASES = ['newton', 'taylor'] as const;
export type SeriesBasis = (typeof SERIES_BASES)[number];

/** The last linears of the sublayers of a block. */
const ENDS = ['proj', 'fc2'] as const satisfies readonly BlockLinear[];

/** `steps` under the same schedule, with sublayers that were reused extrapolated to `order`. */
export function withSeries(
  steps: readonly StepActions[],
  schedule: Schedule,
  order: number,
  basis: SeriesBasis,
): StepActions[] {
  const changed = steps.map((blocks) => blocks.map((actions) => ({ ...actions })));
  for (let block = 0; block < changed[0]!.length; block++)
    for (const end of ENDS) {
      const gathers = steps.map((_, step) => schedule.gathers(step, block, end));
      for (const [step, action] of seriesOf(gathers, order, BASES[basis]).entries())
        if (action) (changed[step]![block] as Record<keyof BlockActions, LinearAction>)[end] = action;
    }
  return changed;
}

interface Basis {
  /** What each difference is divided by, at a computed step. `past`: the steps to those before it, the nearest first. */
  distances(past: readonly number[]): number[];
  /** Of the differences, at a cached step. `past`: the steps to the computed ones, the nearest first. */
  coefficients(past: readonly number[]): number[];
}

const BASES: Readonly<Record<SeriesBasis, Basis>> = {
  newton: {
    distances: (past) => [...past],
    coefficients: (past) => past.map((_, i) => past.slice(0, i).reduce((a, b) => a * b, 1)),
  },
  taylor: {
    distances: (past) => past.map(() => past[0]!),
    coefficients: (past) => past.map((_, i) => past[0]! ** i / factorial(i)),
  },
};

/** For each step its action; undefined where no later step extrapolates from what it would store. */
function seriesOf(gathers: readonly boolean[], order: number, basis: Basis): (SeriesAction | undefined)[] {
  const lastUse = gathers.lastIndexOf(false);
  const computed: number[] = [];
  return gathers.map((gather, step) => {
    if (step > lastUse) return undefined;
    const past = computed.map((earlier) => step - earlier);
    if (!gather) return { kind: 'extrapolate', coefficients: basis.coefficients(past.slice(0, order + 1)) };
    computed.unshift(step);
    return { kind: 'differences', distances: basis.distances(past.slice(0, order)) };
  });
}

function factorial(n: number): number {
  return n < 2 ? 1 : n * factorial(n - 1);
}
