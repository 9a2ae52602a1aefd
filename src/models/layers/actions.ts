/** What a step does with each of a block's six linear layers. The cache policies decide it, the graph obeys. */

/** The linears of a block that carry its cost, in the order of the columns of G and S. */
export const BLOCK_LINEARS = ['q', 'k', 'v', 'proj', 'fc1', 'fc2'] as const;

export type BlockLinear = (typeof BLOCK_LINEARS)[number];

/**
 * - `compute`: in full, nothing stored
 * - `storeOutput`: in full, the output goes to the cache (all that `reuse` needs)
 * - `store`: in full, input (or Wb times it, in rank form) and output go to the cache
 * - `reuse`: the stored output is the output
 * - `calibrate`: the stored output plus the low-rank increment
 */
export type LinearAction =
  | 'compute'
  | 'storeOutput'
  | 'store'
  | 'reuse'
  | 'calibrate'
  | KeepAction
  | CombineAction;

/** In full; the output, and with `input` the input too, go to one of several places of the cache. */
export interface KeepAction {
  readonly kind: 'keep';
  readonly slot: number;
  readonly input: boolean;
}

/**
 * Of what is kept, T(y) = sum of coefficient y(slot) is the output; with `increment` T(y) plus the increment of the input to
 * T(x). A linear layer maps T(x) to T(y) where the coefficients sum to 1.
 */
export interface CombineAction {
  readonly kind: 'combine';
  readonly terms: readonly CombinedTerm[];
  readonly increment: boolean;
}

export interface CombinedTerm {
  readonly slot: number;
  readonly coefficient: number;
}

/** As many as an operation combines. */
export const MOST_TERMS = 4;

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
