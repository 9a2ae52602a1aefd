import { atOnce } from '../../src/backend/eventLoop.js';
import { fusedPairs, splitGroups, stepActions } from '../../src/cache/policy.js';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import type { DiTConfig } from '../../src/models/dit/config.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import type { Actions, CacheForm } from '../../src/models/layers/actions.js';
import { stepPlans } from '../../src/models/stepPlans.js';
import { PlanBuilder } from '../../src/plan/builder.js';
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

export const NETWORK = ditNetwork(TINY);

/** The plan of one step of `TINY`. */
export function tinyStep(
  actions: Actions,
  form: CacheForm = 'input',
  all: readonly Actions[] = [actions],
  activations: FloatType = 'f32',
): Plan {
  const cache = {
    form,
    split: splitGroups(NETWORK, all),
    fused: fusedPairs(NETWORK, all),
    rank: () => 3,
    factorPrefix: 'factors.',
  };
  const geometry = NETWORK.latents;
  const options = { name: 'step', geometry, sequences: 2, tableRows: 4, actions, cache, activations };
  return atOnce(stepPlans(NETWORK, options)).head;
}

/** Actions of a trajectory of `TINY` in which the given rule gathers. */
export function tinyActions(
  steps: number,
  scatter: 'reuse' | 'calibrate',
  gathers: (step: number, layer: string) => boolean,
): Actions[] {
  const schedule = Schedule.fromRule(scheduleLayers(NETWORK, 'linear'), steps, gathers);
  return stepActions(NETWORK, schedule, () => scatter);
}

/** The plan of its conditioning. */
export function tinyTable(rows: number): Plan {
  const builder = new PlanBuilder('conditioning');
  NETWORK.emitTable(builder, rows);
  return builder.build();
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
    tinyTable(4),
    ...[full, reuse, calibrated].flatMap((steps) => steps.map((actions) => tinyStep(actions))),
    ...calibrated.map((actions) => tinyStep(actions, 'rank')),
    ...calibrated.map((actions) => tinyStep(actions, 'input', calibrated, 'bf16')),
    ...mixed.flatMap((actions) => (['input', 'rank'] as const).map((form) => tinyStep(actions, form, mixed))),
  ];
}
