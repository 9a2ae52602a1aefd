/** From increments against the last stored step to increments against the line through the last two. */
import {
  BLOCK_LINEARS,
  type BlockActions,
  type CalibrateLineAction,
  type LinearAction,
} from '../models/layers/actions.js';
import type { StepActions } from './policy.js';

/**
 * `steps` with every calibration behind two computed steps done against T(x) = C(x) + slope (C(x) - C'(x)), where slope
 * is the distance to the last computed step over that between the two, and with what the two have to keep for it. A
 * linear layer maps T(x) to T(y) exactly, so that only x - T(x) is left to the increment. Stores are
 * expected to be used by calibration alone or by reuse alone, as with policy calibrated.
 */
export function withLines(steps: readonly StepActions[]): StepActions[] {
  const changed = steps.map((blocks) =>
    blocks.map((actions) => ({ ...actions }) as Record<keyof BlockActions, LinearAction>),
  );
  // One object for one slope: linears that do the same are told by it.
  const lines = new Map<number, CalibrateLineAction>();
  for (const block of changed[0]!.keys())
    for (const linear of BLOCK_LINEARS) {
      let [last, before]: (number | undefined)[] = [];
      for (const [step, blocks] of changed.entries()) {
        const action = blocks[block]![linear];
        if (action === 'compute' || action === 'store') [last, before] = [step, last];
        else if (action === 'calibrate' && before !== undefined) {
          // Nothing was calibrated behind the one before, where the two follow each other directly.
          const first = changed[before]![block]!;
          if (first[linear] === 'compute') first[linear] = 'store';
          changed[last!]![block]![linear] = 'storeLine';
          const slope = (step - last!) / (last! - before);
          if (!lines.has(slope)) lines.set(slope, { kind: 'calibrateLine', slope });
          blocks[block]![linear] = lines.get(slope)!;
        }
      }
    }
  return changed;
}
