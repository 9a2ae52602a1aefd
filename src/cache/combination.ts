/** From the last stored step to combinations of several: what is reused or calibrated against of each layer. */
import type { Actions, LayerAction } from '../models/layers/actions.js';
import type { Layer, Network } from '../models/network.js';
import { withChanged } from './policy.js';

/**
 * How a cached step continues the computed ones. Every forecast of the field is such a combination: reuse, lines, TaylorSeer
 * (series.ts) and fitted coefficients (fitted.ts) differ in the coefficients alone.
 */
export interface Combination {
  /** Which of the cached cells are continued; the others stay as they are. */
  readonly of: 'reuse' | 'calibrate';
  /** Computed steps that are kept, at most. */
  readonly terms: number;
  /**
   * For each computed step of `past` (the last one first, `terms` of them or as many as there are yet) the coefficient of what it
   * kept. Of calibration they sum to 1: a linear layer then maps T(x) to T(y).
   */
  coefficients(step: number, past: readonly number[], layer: Layer): readonly number[];
}

/**
 * `steps` with what they reuse (of a sublayer what ends it) or calibrate against continued from several computed steps.
 * Stores are expected to serve one of both alone, as with the policies that extrapolate.
 */
export function withCombinations(
  { layers, sublayers }: Network,
  steps: readonly Actions[],
  combination: Combination,
): Actions[] {
  const continues = combination.of === 'reuse' ? sublayers.flatMap(({ ends }) => ends) : layers;
  return withChanged(steps, continues, (actions, layer) => continued(actions, layer, combination));
}

/** The actions of one layer. Computed steps take the slots in turn. */
function continued(
  actions: readonly LayerAction[],
  layer: Layer,
  { of, terms, coefficients }: Combination,
): LayerAction[] {
  const changed = [...actions];
  const increment = of === 'calibrate';
  /** The last one first. */
  const computed: { readonly step: number; readonly slot: number }[] = [];
  for (const [step, action] of actions.entries()) {
    if (action.compute) computed.unshift({ step, slot: computed.length % terms });
    if (action.compute || action.increment !== increment) continue;
    const past = computed.slice(0, terms);
    const own = coefficients(
      step,
      past.map((earlier) => earlier.step),
      layer,
    );
    const used = past
      .map((earlier, i) => ({ ...earlier, coefficient: own[i]! }))
      .filter(({ coefficient }) => coefficient !== 0);
    const from = used.map(({ slot, coefficient }) => ({ slot, coefficient }));
    changed[step] = { compute: false, from, increment };
    for (const { step: earlier, slot } of used)
      changed[earlier] = { compute: true, keep: { slot, input: increment } };
  }
  return changed;
}
