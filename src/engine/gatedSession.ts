/** The plans of a session whose policy decides while it runs: compiled once, whatever the gates will say. */
import type { GatedPolicy, Kept } from '../cache/gatedPolicy.js';
import { fusedMlp, stepActions } from '../cache/policy.js';
import { Schedule, scheduleLayers } from '../cache/schedule.js';
import {
  conditioningPlan,
  type DiTConfig,
  gatedStepPlans,
  type SectionActions,
  tokensOf,
} from '../models/dit/index.js';
import { planCost } from '../plan/cost.js';
import type { Plan } from '../plan/types.js';
import {
  chunkStepsFor,
  type GatedSection,
  memoryOf,
  type SessionOptions,
  type SessionPlan,
} from './sessionPlan.js';

export interface GatedSessionOptions extends Omit<SessionOptions, 'steps' | 'tap'> {
  readonly steps: number;
  readonly policy: GatedPolicy;
  /** Default `residual`; where layers have a rank it is `outputs` in any case. */
  readonly keep?: Kept;
}

/** Plans for `options.steps` steps. Layers that have a rank are calibrated where they are cached. */
export function planGatedSession(config: DiTConfig, options: GatedSessionOptions): SessionPlan {
  const { policy, sequences, labels, steps, rank = () => 0 } = options;
  const chunkSteps = chunkStepsFor(config, labels, steps);
  const tableRows = chunkSteps * labels;
  const cut = policy.cut(config.depth);
  const keepsOutputs = options.rank !== undefined || options.keep === 'outputs';
  const actions = keepsOutputs ? sectionActions(config, rank) : undefined;
  const { head, sections } = gatedStepPlans(config, {
    images: sequences,
    tableRows,
    cut,
    actions,
    cache: {
      form: options.form ?? 'input',
      type: options.cacheType,
      splitQkv: [],
      fusedMlp: actions ? fusedMlp([actions.computed, actions.cached], config.depth) : [],
      rank,
      factorPrefix: options.factorPrefix ?? 'factors.',
    },
    activations: options.activations,
  });
  const conditioning = conditioningPlan(config, tableRows);
  const plans = [head, ...sections.flatMap(({ computed, cached }) => [computed, cached])];
  return {
    conditioning,
    plans,
    planOfStep: [],
    gated: {
      policy,
      run: { steps, elements: sequences * tokensOf(config) * config.hiddenSize },
      head: 0,
      sections: cut.sections.map(
        ({ first, end }, i): GatedSection => ({
          computed: 1 + 2 * i,
          cached: 2 + 2 * i,
          blocks: end - first,
        }),
      ),
    },
    chunkSteps,
    sequences,
    labels,
    memory: memoryOf(conditioning, plans),
    stepMacs: steps * macsOf([head, ...sections.map(({ computed }) => computed)]),
    conditioningMacs: planCost(conditioning).macs * Math.ceil(steps / chunkSteps),
  };
}

/** As of a step that gathers everything and one that scatters everything. */
function sectionActions({ depth }: DiTConfig, rank: (layer: string) => number): SectionActions {
  const schedule = Schedule.fromPeriod(scheduleLayers(depth, 'block'), 2, 2);
  const [computed, cached] = stepActions(schedule, depth, (layer) =>
    rank(layer) > 0 ? 'calibrate' : 'reuse',
  );
  return { computed: computed!, cached: cached! };
}

function macsOf(plans: readonly Plan[]): number {
  return plans.reduce((macs, plan) => macs + planCost(plan).macs, 0);
}
