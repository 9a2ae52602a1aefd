/** What the steps of a run do: all of it decided before the first step, or some of it by gates while they run. */
import type { Actions } from '../models/layers/actions.js';
import { computeAll, type SectionActions, type StepCut } from '../models/stepPlans.js';
import { type CachedRun, type CachePolicy, policyActions } from './cachePolicy.js';
import type { GatedPolicy, Kept } from './gatedPolicy.js';
import { stepActions } from './policy.js';
import { Schedule, scheduleLayers } from './schedule.js';

export interface CachedSteps {
  /** What each step does with every layer; between gates, with those that no gate is before. */
  readonly actions: readonly Actions[];
  readonly gates?: Gates;
}

export interface Gates {
  readonly policy: GatedPolicy;
  readonly cut: StepCut;
  /** Without, what a section has added to the residual streams is kept. */
  readonly sectionActions?: SectionActions;
}

/**
 * What a policy makes of a run. `keep` is what a section behind a gate keeps; where layers may be calibrated it is `outputs`
 * in any case. Throws an `ArgumentError` when the parameters of the policy do not fit the run.
 */
export function cachedSteps(
  policy: CachePolicy | GatedPolicy,
  run: CachedRun,
  keep: Kept = 'residual',
): CachedSteps {
  if (!('cut' in policy)) return { actions: policyActions(policy, run) };
  const { network, steps } = run;
  const actions = new Array<Actions>(steps).fill(computeAll(network));
  const cut = policy.cut(network.blocks.length);
  const gates = keep === 'outputs' ? { policy, cut, sectionActions: sectionActions(run) } : { policy, cut };
  return { actions, gates };
}

/** As of a step that gathers everything and one that scatters everything. Layers that have a rank are calibrated. */
function sectionActions({ network, rank }: CachedRun): SectionActions {
  const schedule = Schedule.fromPeriod(scheduleLayers(network, 'block'), 2, 2);
  const [computed, cached] = stepActions(network, schedule, (layer) =>
    rank(layer) > 0 ? 'calibrate' : 'reuse',
  );
  return { computed: computed!, cached: cached! };
}
