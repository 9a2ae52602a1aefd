import { fusedMlp, type StepActions, splitQkv, stepActions } from '../../src/cache/policy.js';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import type { DiTConfig } from '../../src/models/dit/config.js';
import { conditioningPlan, stepPlan } from '../../src/models/dit/graph.js';
import type { CacheForm } from '../../src/models/layers/actions.js';
import type { FloatType, Plan } from '../../src/plan/types.js';

/** A DiT small enough to look at. */
export const TINY: DiTConfig = {
  inputSize: 4,
  patchSize: 2,
  inChannels: 1,
  hiddenSize: 8,
  depth: 2,
  heads: 2,
  mlpSize: 12,
  classes: 3,
  learnSigma: true,
};

/** The plan of one step of `TINY`. */
export function tinyStep(
  actions: StepActions,
  form: CacheForm = 'input',
  all: readonly StepActions[] = [actions],
  activations: FloatType = 'f32',
): Plan {
  const cache = {
    form,
    splitQkv: splitQkv(all, TINY.depth),
    fusedMlp: fusedMlp(all, TINY.depth),
    rank: () => 3,
    factorPrefix: 'factors.',
  };
  return stepPlan(TINY, { name: 'step', images: 2, tableRows: 4, actions, cache, activations });
}

/** Actions of a trajectory of `TINY` in which the given rule gathers. */
export function tinyActions(
  steps: number,
  scatter: 'reuse' | 'calibrate',
  gathers: (step: number, layer: string) => boolean,
): StepActions[] {
  const schedule = Schedule.fromRule(scheduleLayers(TINY.depth, 'linear'), steps, gathers);
  return stepActions(schedule, TINY.depth, () => scatter);
}

/** Every kind of plan there is: conditioning, and steps with every action, in both forms and types, whole and mixed. */
export function allPlans(): Plan[] {
  const full = tinyActions(1, 'reuse', () => true);
  const reuse = tinyActions(2, 'reuse', () => false);
  const calibrated = tinyActions(2, 'calibrate', () => false);
  const mixed = tinyActions(
    3,
    'calibrate',
    (step, layer) => (step + layer.length) % 2 === 0 || layer.endsWith('.k'),
  );
  return [
    conditioningPlan(TINY, 4),
    ...[full, reuse, calibrated].flatMap((steps) => steps.map((actions) => tinyStep(actions))),
    ...calibrated.map((actions) => tinyStep(actions, 'rank')),
    ...calibrated.map((actions) => tinyStep(actions, 'input', calibrated, 'bf16')),
    ...mixed.flatMap((actions) => (['input', 'rank'] as const).map((form) => tinyStep(actions, form, mixed))),
  ];
}
