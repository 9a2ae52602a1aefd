/** From what a caller asked for to the plans of one batch and the sampler that goes with them. */
import type { FactorSet } from '../cache/data/factorSet.js';
import type { DiTCheckpoint } from '../engine/checkpoint.js';
import { planGatedSession } from '../engine/gatedSession.js';
import { planSession, type SessionPlan } from '../engine/sessionPlan.js';
import type { FloatType } from '../plan/types.js';
import { cachedSteps } from './cachePolicy.js';
import type { ResolvedOptions } from './options.js';
import { isGuided } from './sequences.js';

export interface BatchPlanOptions {
  readonly images: number;
  /** Rows that a step takes in the modulation table. */
  readonly labels: number;
  readonly activations: FloatType;
  /** What the names of a set's weights begin with. */
  readonly factorPrefix: (factors: FactorSet) => string;
  /** Keeps a set's weights as long as a session uses them. */
  readonly holdFactors?: (factors: FactorSet) => Disposable;
}

/** The plans of a batch. Throws for cache options that do not fit the checkpoint, see `cachedSteps`. */
export function planBatch(
  checkpoint: DiTCheckpoint,
  options: ResolvedOptions,
  { images, labels, activations, factorPrefix, holdFactors }: BatchPlanOptions,
): SessionPlan {
  const { config } = checkpoint;
  const { cache, steps, guidanceScale } = options;
  const { actions, gated, factors } = cachedSteps(checkpoint, options);
  const batch = {
    sequences: images * (isGuided(guidanceScale) ? 2 : 1),
    labels,
    activations,
    ...(cache.form && { form: cache.form }),
    ...(cache.type && { cacheType: cache.type }),
    ...(factors && {
      rank: (layer: string) => factors.rank(layer),
      factorPrefix: factorPrefix(factors),
    }),
  };
  const plan = gated
    ? planGatedSession(config, { ...batch, steps, policy: gated, ...(cache.keep && { keep: cache.keep }) })
    : planSession(config, { ...batch, steps: actions });
  return factors && holdFactors ? { ...plan, hold: () => holdFactors(factors) } : plan;
}
