/** The plans of a session whose policy decides while it runs: compiled once, whatever the gates will say. */
import type { GatedPolicy } from '../cache/gatedPolicy.js';
import { fusedMlp, stepActions } from '../cache/policy.js';
import { Schedule, scheduleLayers } from '../cache/schedule.js';
import {
  conditioningPlan,
  type DiTConfig,
  gatedStepPlans,
  type SectionCalibration,
  tokensOf,
} from '../models/index.js';
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
}

/** Plans for `options.steps` steps. Where layers have a rank, what is cached is calibrated. */
export function planGatedSession(config: DiTConfig, options: GatedSessionOptions): SessionPlan {
  const { policy, sequences, labels, steps, rank } = options;
  const chunkSteps = chunkStepsFor(config, labels, steps);
  const tableRows = chunkSteps * labels;
  const cut = policy.cut(config.depth);
  const calibration = rank && calibrationOf(config, rank);
  const { head, sections } = gatedStepPlans(config, {
    images: sequences,
    tableRows,
    cut,
    calibration,
    cache: {
      form: options.form ?? 'input',
      splitQkv: [],
      fusedMlp: calibration ? fusedMlp([calibration.computed, calibration.cached], config.depth) : [],
      rank: rank ?? (() => 0),
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
function calibrationOf({ depth }: DiTConfig, rank: (layer: string) => number): SectionCalibration {
  const schedule = Schedule.fromPeriod(scheduleLayers(depth, 'block'), 2, 2);
  const [computed, cached] = stepActions(schedule, depth, (layer) =>
    rank(layer) > 0 ? 'calibrate' : 'reuse',
  );
  return { computed: computed!, cached: cached! };
}

function macsOf(plans: readonly Plan[]): number {
  return plans.reduce((macs, plan) => macs + planCost(plan).macs, 0);
}
