/** From reuse to extrapolation: what is stored and returned of a sublayer becomes a Taylor series over the steps. */
import type { BlockActions, BlockLinear, LinearAction, SeriesAction } from '../models/layers/actions.js';
import type { StepActions } from './policy.js';
import type { Schedule } from './schedule.js';

/** The last linears of the sublayers of a block. */
const ENDS = ['proj', 'fc2'] as const satisfies readonly BlockLinear[];

/** `steps` under the same schedule, with sublayers that were reused extrapolated to `order`. */
export function withSeries(steps: readonly StepActions[], schedule: Schedule, order: number): StepActions[] {
  const changed = steps.map((blocks) => blocks.map((actions) => ({ ...actions })));
  for (let block = 0; block < changed[0]!.length; block++)
    for (const end of ENDS) {
      const gathers = steps.map((_, step) => schedule.gathers(step, block, end));
      for (const [step, action] of seriesOf(gathers, order).entries())
        if (action) (changed[step]![block] as Record<keyof BlockActions, LinearAction>)[end] = action;
    }
  return changed;
}

/** For each step its action; undefined where no later step extrapolates from what it would store. */
function seriesOf(gathers: readonly boolean[], order: number): (SeriesAction | undefined)[] {
  const lastUse = gathers.lastIndexOf(false);
  let computed = 0;
  let latest = 0;
  return gathers.map((gather, step) => {
    if (step > lastUse) return undefined;
    const distance = step - latest;
    if (!gather) return { kind: 'extrapolate', order: Math.min(computed - 1, order), distance };
    latest = step;
    return { kind: 'differences', order: Math.min(computed++, order), distance };
  });
}
