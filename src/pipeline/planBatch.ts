/** From what a caller asked for to the plans of one batch and the sampler that goes with them. */
import { type ScatterAction, stepActions } from '../cache/policy.js';
import type { FactorSet } from '../calibrate/factorSet.js';
import { createSampler, type Sampler } from '../diffusion/sampler.js';
import type { DiTCheckpoint } from '../engine/checkpoint.js';
import { planSession, type SessionPlan } from '../engine/sessionPlan.js';
import { ArgumentError } from '../errors.js';
import { BLOCK_LINEARS, layerName } from '../models/actions.js';
import type { DiTConfig } from '../models/config.js';
import type { FloatType } from '../plan/types.js';
import { isGuided } from './batch.js';
import { type CacheOptions, type ResolvedOptions, scheduleOf } from './options.js';

export interface BatchPlanOptions {
  readonly images: number;
  /** Rows that a step takes in the modulation table. */
  readonly labels: number;
  readonly activations: FloatType;
  /** What the names of a set's weights begin with. */
  readonly factorPrefix: (factors: FactorSet) => string;
}

/** The plans of a batch. Throws unless the factors of a calibrated run are there and belong to the checkpoint. */
export function planBatch(
  checkpoint: DiTCheckpoint,
  options: ResolvedOptions,
  { images, labels, activations, factorPrefix }: BatchPlanOptions,
): SessionPlan {
  const { config } = checkpoint;
  const { cache, steps, guidanceScale } = options;
  const schedule = scheduleOf(cache, steps, config.depth);
  const factors = requireFactors(checkpoint, cache);
  const scatter: ScatterAction = (layer) => (factors && factors.rank(layer) > 0 ? 'calibrate' : 'reuse');
  return planSession(config, {
    sequences: images * (isGuided(guidanceScale) ? 2 : 1),
    labels,
    steps: stepActions(schedule, config.depth, scatter),
    activations,
    ...(cache.form && { form: cache.form }),
    ...(factors && { rank: (layer) => factors.rank(layer), factorPrefix: factorPrefix(factors) }),
  });
}

/** Throws an `ArgumentError` for a sampler that needs a variance which the model does not predict. */
export function samplerOf(options: ResolvedOptions, { learnSigma }: DiTConfig): Sampler {
  const sampler = createSampler(options.sampler, options);
  if (sampler.needsVariance && !learnSigma)
    throw new ArgumentError('variance', 'learned', 'fixed-large: this model does not predict a variance');
  return sampler;
}

/** The factors of a calibrated run, checked to belong to this model. */
function requireFactors(checkpoint: DiTCheckpoint, { policy, factors }: CacheOptions): FactorSet | undefined {
  if (policy !== 'calibrated') return undefined;
  if (!factors)
    throw new ArgumentError('factors', factors, 'the factors of this model, for policy calibrated');
  factors.requireModel(checkpoint.hash);
  for (let block = 0; block < checkpoint.config.depth; block++)
    for (const linear of BLOCK_LINEARS) factors.requireLayer(layerName(block, linear));
  return factors;
}
