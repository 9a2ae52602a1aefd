/** What a step does with each layer. The cache policies decide it, the graph obeys. */

/** The action of every layer, by its name. */
export type Actions = ReadonlyMap<string, LayerAction>;

export type LayerAction = Computed | Cached;

/** In full. */
export interface Computed {
  readonly compute: true;
  /** What of it goes to the cache. Default: nothing. */
  readonly keep?: Keep;
}

/** From the cache: a linear combination of what is kept, and an increment on it or none. */
export interface Cached {
  readonly compute: false;
  readonly from: From;
  /**
   * Whether the low-rank increment is added, Wa Wb times how far the input is from the same combination of inputs. Of a layer
   * whose coefficients add up to 1 nothing but that difference is left to it, since a linear layer maps one combination
   * to the other exactly.
   */
  readonly increment: boolean;
}

/** The output, and the input (or Wb times it, in rank form) where an increment will be taken against it. */
export interface Keep {
  /** Each slot holds what was kept there last, so that several computed steps can be kept side by side. */
  readonly slot: number;
  readonly input: boolean;
}

/** Sum of coefficient times what is in a slot. */
export type From = readonly Term[];

export interface Term {
  readonly slot: number;
  readonly coefficient: number;
}

/** As many as an operation combines. */
export const MOST_TERMS = 4;

export const COMPUTE: LayerAction = { compute: true };

/** In full; the output goes to the cache, which is all that reuse needs. */
export const STORE_OUTPUT: LayerAction = { compute: true, keep: { slot: 0, input: false } };

/** In full; input and output go to the cache. */
export const STORE: LayerAction = { compute: true, keep: { slot: 0, input: true } };

/** What is in the first slot. */
export const STORED: From = [{ slot: 0, coefficient: 1 }];

/** The stored output is the output. */
export const REUSE: LayerAction = { compute: false, from: STORED, increment: false };

/** The stored output plus the increment. */
export const CALIBRATE: LayerAction = { compute: false, from: STORED, increment: true };

/** How the input of a calibrated layer is kept: as it is, or multiplied by Wb. */
export type CacheForm = 'input' | 'rank';

/** The same for two layers exactly when they do the same. */
export function actionKey(action: LayerAction): string {
  return JSON.stringify(action);
}

/** For names of plans. */
export function actionName(action: LayerAction): string {
  if (action.compute) {
    if (!action.keep) return 'compute';
    return action.keep.input ? 'store' : 'storeOutput';
  }
  if (!isStored(action.from)) return 'combine';
  return action.increment ? 'calibrate' : 'reuse';
}

/** Whether what is taken is in a slot as it is. */
export function isStored(from: From): boolean {
  return from.length === 1 && from[0]!.coefficient === 1;
}
