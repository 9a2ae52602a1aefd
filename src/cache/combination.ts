/** From the last stored step to combinations of several: what is reused or calibrated against of each linear. */
import {
  BLOCK_LINEARS,
  type BlockActions,
  type BlockLinear,
  type LinearAction,
  layerName,
} from '../models/layers/actions.js';
import type { StepActions } from './policy.js';

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
  coefficients(step: number, past: readonly number[], layer: string): readonly number[];
}

/** The last linears of sublayers: what is reused of a sublayer. */
const ENDS: readonly BlockLinear[] = ['proj', 'fc2'];

/**
 * `steps` with what they reuse or calibrate against continued from several computed steps. Stores are expected to serve
 * one of both alone, as with the policies that extrapolate.
 */
export function withCombinations(steps: readonly StepActions[], combination: Combination): StepActions[] {
  const changed = steps.map((blocks) =>
    blocks.map((actions) => ({ ...actions }) as Record<keyof BlockActions, LinearAction>),
  );
  // One object for one action: linears that do the same are told by it.
  const known = new Map<string, LinearAction>();
  for (const block of changed[0]!.keys())
    for (const linear of combination.of === 'reuse' ? ENDS : BLOCK_LINEARS) {
      const own = changed.map((blocks) => blocks[block]![linear]);
      for (const [step, action] of continued(own, layerName(block, linear), combination).entries()) {
        const key = JSON.stringify(action);
        if (!known.has(key)) known.set(key, action);
        changed[step]![block]![linear] = known.get(key)!;
      }
    }
  return changed;
}

/** The actions of one linear. Computed steps take the slots in turn. */
function continued(
  actions: readonly LinearAction[],
  layer: string,
  { of, terms, coefficients }: Combination,
): LinearAction[] {
  const changed = [...actions];
  const increment = of === 'calibrate';
  /** The last one first. */
  const computed: { readonly step: number; readonly slot: number }[] = [];
  for (const [step, action] of actions.entries()) {
    if (isComputed(action)) computed.unshift({ step, slot: computed.length % terms });
    if (action !== of) continue;
    const past = computed.slice(0, terms);
    const own = coefficients(
      step,
      past.map((earlier) => earlier.step),
      layer,
    );
    const used = past
      .map((earlier, i) => ({ ...earlier, coefficient: own[i]! }))
      .filter(({ coefficient }) => coefficient !== 0);
    changed[step] = {
      kind: 'combine',
      terms: used.map(({ slot, coefficient }) => ({ slot, coefficient })),
      increment,
    };
    for (const { step: earlier, slot } of used) changed[earlier] = { kind: 'keep', slot, input: increment };
  }
  return changed;
}

function isComputed(action: LinearAction): boolean {
  return action === 'compute' || action === 'storeOutput' || action === 'store';
}
