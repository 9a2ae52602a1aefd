/** What is done on a scattered layer, and from it what every step does with every linear. */
import {
  BLOCK_LINEARS,
  type BlockActions,
  type BlockLinear,
  type LinearAction,
  layerName,
} from '../models/actions.js';
import type { Schedule } from './schedule.js';

/**
 * - `none`: no cache, every step in full
 * - `reuse`: a scattered layer returns its stored output (FORA, arXiv 2407.01425)
 * - `calibrated`: the stored output plus Wa Wb (x - C(x)) (ICC, arXiv 2505.05829, equation 4)
 */
export const CACHE_POLICIES = ['none', 'reuse', 'calibrated'] as const;
export type CachePolicy = (typeof CACHE_POLICIES)[number];

/** What a scattered layer does; a rank of 0 leaves no increment, which is reuse. */
export type ScatterAction = (layer: string) => 'reuse' | 'calibrate';

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
  const reused = scatter(layerName(block, linear)) === 'reuse';
  const endReused = scatter(layerName(block, end)) === 'reuse';
  const actions: LinearAction[] = [];
  // What the next gather met on the way back has to store.
  let need: LinearAction = 'compute';
  for (let step = schedule.steps - 1; step >= 0; step--) {
    if (schedule.gathers(step, block, linear)) {
      actions.push(need);
      need = 'compute';
      continue;
    }
    const bypassed = linear !== end && endReused && !schedule.gathers(step, block, end);
    if (bypassed) {
      actions.push('reuse');
      continue;
    }
    actions.push(reused ? 'reuse' : 'calibrate');
    need = reused ? 'storeOutput' : 'store';
  }
  return actions.reverse();
}

/**
 * Blocks whose fc1 and fc2 do the same at every step, so that a calibrated MLP is one operation and the input of fc2
 * needs no cache.
 */
export function fusedMlp(steps: readonly StepActions[], depth: number): boolean[] {
  return Array.from({ length: depth }, (_, block) =>
    steps.every((actions) => actions[block]!.fc1 === actions[block]!.fc2),
  );
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
