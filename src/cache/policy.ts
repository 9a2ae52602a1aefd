/** From a schedule and what scattered layers do to what every step does with every linear. */
import {
  BLOCK_LINEARS,
  type BlockActions,
  type BlockLinear,
  type LinearAction,
  layerName,
} from '../models/layers/actions.js';
import type { Schedule } from './schedule.js';

/**
 * What a layer does at a step at which it does not gather. It may change from step to step: a store serves reuse and
 * calibration alike.
 */
export type ScatterAction = (layer: string, step: number) => 'reuse' | 'calibrate';

/** The actions of every step, each a list by block. */
export type StepActions = readonly BlockActions[];

/** The last linear of a sublayer: when it is reused, nothing else of the sublayer needs to run. */
const SUBLAYER_END: Record<BlockLinear, BlockLinear> = {
  q: 'proj',
  k: 'proj',
  v: 'proj',
  proj: 'proj',
  fc1: 'fc2',
  fc2: 'fc2',
};

/** Turns G and S into the actions of each step for a model of `depth` blocks. */
export function stepActions(schedule: Schedule, depth: number, scatter: ScatterAction): StepActions[] {
  const steps: Record<BlockLinear, LinearAction>[][] = Array.from({ length: schedule.steps }, () =>
    Array.from({ length: depth }, () => ({}) as Record<BlockLinear, LinearAction>),
  );
  for (let block = 0; block < depth; block++)
    for (const linear of BLOCK_LINEARS)
      for (const [step, action] of linearActions(schedule, block, linear, scatter).entries())
        steps[step]![block]![linear] = action;
  return steps;
}

/** Walks from the last step to the first, so that a gathered step knows what will be read of its store. */
function linearActions(
  schedule: Schedule,
  block: number,
  linear: BlockLinear,
  scatter: ScatterAction,
): LinearAction[] {
  const end = SUBLAYER_END[linear];
  const [layer, endLayer] = [layerName(block, linear), layerName(block, end)];
  const bypassed = (step: number) =>
    linear !== end && !schedule.gathers(step, block, end) && scatter(endLayer, step) === 'reuse';
  const actions: LinearAction[] = [];
  // What the next gather met on the way back has to store.
  let need: LinearAction = 'compute';
  for (let step = schedule.steps - 1; step >= 0; step--) {
    if (schedule.gathers(step, block, linear)) {
      actions.push(need);
      need = 'compute';
    } else if (bypassed(step)) {
      actions.push('reuse');
    } else if (scatter(layer, step) === 'calibrate') {
      actions.push('calibrate');
      need = 'store';
    } else {
      actions.push('reuse');
      if (need !== 'store') need = 'storeOutput';
    }
  }
  return actions.reverse();
}

/**
 * Blocks in which fc1 and fc2 are always calibrated together and against the same step, so that a calibrated MLP is
 * one operation and the input of fc2 needs no cache. At other steps they may differ: where the MLP is reused, fc1
 * has nothing to store. Of combinations, gelu(T(y1)) is not what T(y2) was made from.
 */
export function fusedMlp(steps: readonly StepActions[], depth: number): boolean[] {
  return Array.from({ length: depth }, (_, block) => {
    const stored = { fc1: -1, fc2: -1 };
    return steps.every((actions, step) => {
      const { fc1, fc2 } = actions[block]!;
      if (fc1 === 'store') stored.fc1 = step;
      if (fc2 === 'store') stored.fc2 = step;
      if (typeof fc1 === 'object' || typeof fc2 === 'object') return false;
      if (fc1 !== 'calibrate' && fc2 !== 'calibrate') return true;
      return fc1 === fc2 && stored.fc1 === stored.fc2;
    });
  });
}

/** Blocks in which q, k and v do different things at some step, so that each needs a cache of its own. */
export function splitQkv(steps: readonly StepActions[], depth: number): boolean[] {
  return Array.from({ length: depth }, (_, block) =>
    steps.some((actions) => {
      const { q, k, v } = actions[block]!;
      return q !== k || k !== v;
    }),
  );
}
