/** What a step does with each of a block's six linear layers. The cache policies decide it, the graph obeys. */

/** The linears of a block that carry its cost, in the order of the columns of G and S. */
export const BLOCK_LINEARS = ['q', 'k', 'v', 'proj', 'fc1', 'fc2'] as const;

export type BlockLinear = (typeof BLOCK_LINEARS)[number];

/**
 * - `compute`: in full, nothing stored
 * - `storeOutput`: in full, the output goes to the cache (all that `reuse` needs)
 * - `store`: in full, input (or Wb times it, in rank form) and output go to the cache
 * - `storeLine`: as `store`, and what was stored before is kept beside it
 * - `reuse`: the stored output is the output
 * - `calibrate`: the stored output plus the low-rank increment
 */
export type LinearAction =
  | 'compute'
  | 'storeOutput'
  | 'store'
  | 'storeLine'
  | 'reuse'
  | 'calibrate'
  | CalibrateLineAction
  | SeriesAction;

/** The line through what is stored and what was stored before, `slope` times their difference further on, plus the increment. */
export interface CalibrateLineAction {
  readonly kind: 'calibrateLine';
  readonly slope: number;
}

/**
 * Of a sublayer's last linear, whose output F is kept with its differences over the computed steps (TaylorSeer):
 *
 * - `differences`: in full; D0 = F and, for every distance, D(i+1) = (D(i) - D(i) before) / distances[i] go to the cache
 * - `extrapolate`: sum of coefficients[i] D(i)
 */
export type SeriesAction =
  | { readonly kind: 'differences'; readonly distances: readonly number[] }
  | { readonly kind: 'extrapolate'; readonly coefficients: readonly number[] };

/** Differences are linear combinations of the output and of all lower ones: as many as an operation takes. */
export const MOST_ORDER = 3;

export type BlockActions = Readonly<Record<BlockLinear, LinearAction>>;

/** How the input of a calibrated linear is kept: as it is, or multiplied by Wb. */
export type CacheForm = 'input' | 'rank';

/** A layer's name in schedules, factor files and cost tables: `blocks.3.fc1`. */
export function layerName(block: number, linear: BlockLinear): string {
  return `blocks.${block}.${linear}`;
}

/** Input and output channels (Ci, Co) of a linear. */
export function linearShape(
  linear: BlockLinear,
  config: { readonly hiddenSize: number; readonly mlpSize: number },
): { readonly inputs: number; readonly outputs: number } {
  const { hiddenSize, mlpSize } = config;
  if (linear === 'fc1') return { inputs: hiddenSize, outputs: mlpSize };
  if (linear === 'fc2') return { inputs: mlpSize, outputs: hiddenSize };
  return { inputs: hiddenSize, outputs: hiddenSize };
}

/** Every block computed in full, nothing stored. */
export function computeAll(depth: number): BlockActions[] {
  return Array.from({ length: depth }, () => uniformActions('compute'));
}

/** The same action for all linears of a block. */
export function uniformActions(action: LinearAction): BlockActions {
  return { q: action, k: action, v: action, proj: action, fc1: action, fc2: action };
}
