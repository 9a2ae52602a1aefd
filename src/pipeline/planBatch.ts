/** From what a caller asked for to the plans of one batch and the sampler that goes with them. */
import { atOnce, type Pieces } from '../backend/eventLoop.js';
import type { FactorSet } from '../cache/data/factorSet.js';
import type { DenoiserCheckpoint } from '../engine/checkpoint.js';
import { planningSession, type SessionOptions, type SessionPlan } from '../engine/sessionPlan.js';
import type { Network } from '../models/network.js';
import type { FloatType } from '../plan/types.js';
import { plannedSteps } from './cachePolicy.js';
import type { ResolvedOptions } from './options.js';
import { isGuided, labelConditions, sequencesOf } from './sequences.js';

export interface BatchPlanOptions {
  readonly images: number;
  /** Distinct conditions of a step: rows that it takes in the modulation table. */
  readonly conditions: number;
  readonly activations: FloatType;
  readonly onSublayer?: SessionOptions['onSublayer'];
  /** What the names of a set's weights begin with. */
  readonly factorPrefix: (factors: FactorSet) => string;
  /** Keeps a set's weights as long as a session uses them. */
  readonly holdFactors?: (factors: FactorSet) => Disposable;
}

/** The plans of a batch. Throws for cache options that do not fit the checkpoint, see `plannedSteps`. */
export function planBatch(...batch: Parameters<typeof planningBatch>): SessionPlan {
  return atOnce(planningBatch(...batch));
}

/** As `planBatch`; can stop behind each plan. */
export function* planningBatch(
  checkpoint: DenoiserCheckpoint,
  options: ResolvedOptions,
  { images, conditions, activations, onSublayer, factorPrefix, holdFactors }: BatchPlanOptions,
): Pieces<SessionPlan> {
  const { network } = checkpoint;
  const { cache, guidanceScale, geometry } = options;
  const { actions, gates, factors } = plannedSteps(checkpoint, options);
  const plan = yield* planningSession(network, {
    sequences: images * (isGuided(guidanceScale) ? 2 : 1),
    conditions,
    geometry,
    steps: actions,
    gates,
    activations,
    onSublayer,
    ...(cache.form && { form: cache.form }),
    ...(cache.type && { cacheType: cache.type }),
    ...(factors && {
      rank: (layer: string) => factors.rank(layer),
      factorPrefix: factorPrefix(factors),
    }),
  });
  return factors && holdFactors ? { ...plan, hold: () => holdFactors(factors) } : plan;
}

/** The most distinct conditions of any batch: rows that a step takes in the modulation table. */
export function distinctConditions(
  { text, labels, batch, guidanceScale }: ResolvedOptions,
  network: Network,
): number {
  // Prompts are no part of the table, and all pictures have one size.
  if (text) return 1;
  let most = 0;
  for (let first = 0; first < labels.length; first += batch) {
    const conditions = labelConditions(network, labels.slice(first, first + batch));
    most = Math.max(most, sequencesOf(network, conditions, isGuided(guidanceScale)).distinct.length);
  }
  return most;
}
