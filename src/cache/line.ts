/** From increments against the last stored step to increments against the line through the last two. */
import {
  BLOCK_LINEARS,
  type BlockActions,
  type CalibrateLineAction,
  type LinearAction,
} from '../models/actions.js';
import type { StepActions } from './policy.js';

/**
 * `steps` with every store that follows another kept beside it, and every calibration behind two stores done against
 * T(x) = C(x) + slope (C(x) - C'(x)), where slope is the distance to the last stored step over that between the two. A
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
      let [stored, before]: (number | undefined)[] = [];
      for (const [step, blocks] of changed.entries()) {
        const actions = blocks[block]!;
        if (actions[linear] === 'store') {
          if (stored !== undefined) actions[linear] = 'storeLine';
          [stored, before] = [step, stored];
        } else if (actions[linear] === 'calibrate' && before !== undefined) {
          const slope = (step - stored!) / (stored! - before);
          if (!lines.has(slope)) lines.set(slope, { kind: 'calibrateLine', slope });
          actions[linear] = lines.get(slope)!;
        }
      }
    }
  return changed;
}
