/** The policies that tuning tries, as data: those that have been on the front of quality against cost on some model. */
import type { Network } from '../../models/network.js';
import type { RecipeParameters } from '../../pipeline/recipe.js';

export interface Candidate {
  readonly name: string;
  readonly parameters: RecipeParameters;
  /** Factors that it needs: of the weights alone, or of the increments that are left to them. */
  readonly factors?: { readonly method: 'svd' | 'whitened'; readonly rank: number };
  /** Whether it goes by fitted coefficients. */
  readonly fits?: boolean;
}

/** Of all factors that candidates have. */
export function candidateRanks({ width }: Pick<Network, 'width'>): {
  readonly low: number;
  readonly high: number;
} {
  const rank = (share: number) => Math.max(1, Math.round(share * width));
  return { low: rank(1 / 8), high: rank(1 / 4) };
}

/** The most promising first, since the time for tuning may end before the last. */
export function tuneCandidates(network: Pick<Network, 'width'>, steps: number): Candidate[] {
  const { low, high } = candidateRanks(network);
  /** Against fitted combinations, half of the steps computed. */
  const half = (terms: number) => ({ terms, computed: Math.max(2, Math.min(steps, Math.round(steps / 2))) });
  return [
    newton(2, 2),
    newton(2, 3),
    taylor(2, 2),
    calibrated({ method: 'svd', rank: high }, half(3)),
    calibrated({ method: 'svd', rank: low }, { order: 2 }),
    reuse(2),
    calibrated({ method: 'whitened', rank: high }, half(4)),
    inRankForm(calibrated({ method: 'whitened', rank: high }, half(4))),
    searched(steps, 0.52),
    newton(3, 2),
    calibrated({ method: 'svd', rank: low }, half(3)),
    inRankForm(calibrated({ method: 'svd', rank: low }, half(3))),
    calibrated({ method: 'svd', rank: high }, { order: 0 }),
    newton(2, 4),
    taylor(2, 3),
    searched(steps, 0.36),
    calibrated({ method: 'whitened', rank: low }, half(4)),
    calibrated({ method: 'svd', rank: high }, { order: 3 }),
    calibrated({ method: 'svd', rank: high }, half(4)),
    newton(1, 2),
    fitted(3),
    searched(steps, 0.7),
    reuse(3),
    calibrated({ method: 'svd', rank: low }, { order: 0 }),
    searched(steps, 0.28),
    newton(1, 3),
    newton(1, 4),
  ];
}

function reuse(period: number): Candidate {
  return { name: `reuse p=${period}`, parameters: { policy: 'reuse', period } };
}

function newton(order: number, period: number): Candidate {
  return {
    name: `newton m=${order} p=${period}`,
    parameters: { policy: 'taylorseer', order, period, basis: 'newton' },
  };
}

/** The published form, which damps the second difference: better where features do not move smoothly. */
function taylor(order: number, period: number): Candidate {
  return {
    name: `taylor m=${order} p=${period}`,
    parameters: { policy: 'taylorseer', order, period, basis: 'taylor' },
  };
}

function fitted(period: number): Candidate {
  return { name: `fitted p=${period}`, parameters: { policy: 'fitted', terms: 3, period }, fits: true };
}

/** So many steps, chosen by the fits. */
function searched(steps: number, share: number): Candidate {
  const computed = Math.max(2, Math.round(share * steps));
  return {
    name: `fitted ${computed} of ${steps}`,
    parameters: { policy: 'fitted', terms: 3, computed: Math.min(computed, steps) },
    fits: true,
  };
}

function calibrated(
  factors: NonNullable<Candidate['factors']>,
  against: { readonly terms: number; readonly computed: number } | { readonly order: number },
): Candidate {
  const { method, rank } = factors;
  const isFitted = 'terms' in against;
  const name = isFitted ? `${against.terms} terms, ${against.computed} computed` : `m=${against.order} p=2`;
  return {
    name: `calibrated ${method} r=${rank} ${name}`,
    parameters: { policy: 'calibrated', ...(isFitted ? {} : { period: 2 }), ...against },
    factors,
    fits: isFitted,
  };
}

/** With a product more at computed steps and less to read at the others: which takes less time, the machine decides. */
function inRankForm({ name, parameters, ...rest }: Candidate): Candidate {
  return { name: `${name}, rank form`, parameters: { ...parameters, form: 'rank' }, ...rest };
}
