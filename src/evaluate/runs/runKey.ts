/** What decides the numbers of an evaluation, by name: a saved run is gone on with only where all of it is the same. */
import { createHash } from 'node:crypto';
import type { Geometry } from '../../models/network.js';
import { plannedSteps } from '../../pipeline/cachePolicy.js';
import type { ResolvedOptions } from '../../pipeline/options.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { VERSION } from '../../version.js';
import type { FeatureExtractor } from '../features/featureExtractor.js';
import type { RunKey } from './savedRun.js';

/** Not in it: threads and the batch, which change no bit of an image. */
export function runKey(
  pipeline: Pipeline,
  resolved: ResolvedOptions,
  extractor: FeatureExtractor | undefined,
  others: RunKey,
): RunKey {
  const {
    steps,
    sampler,
    spacing,
    scheduler,
    eta,
    variance,
    guidanceScale,
    guidanceChannels,
    seed,
    cache,
    geometry,
  } = resolved;
  const policy = cache.policy ?? 'none';
  const { actions, gates, factors } = plannedSteps(pipeline.checkpoint, resolved);
  return {
    incache: VERSION,
    model: pipeline.checkpoint.hash,
    backend: pipeline.device.backend,
    arithmetic: pipeline.device.arithmetic,
    steps,
    sampler,
    spacing,
    ...(scheduler && { scheduler: sha256(JSON.stringify(scheduler)) }),
    eta,
    variance,
    guidanceScale,
    guidanceChannels,
    seed,
    ...(isTrainedSize(geometry, pipeline.network.latents) ? {} : { geometry }),
    policy,
    ...(gates
      ? { gated: JSON.stringify({ ...gates.policy, keep: cache.keep }) }
      : { schedule: sha256(JSON.stringify(actions.map((step) => [...step]))) }),
    ...(factors && { cacheForm: cache.form ?? 'input', factors: factors.hash }),
    ...(cache.type && { cacheType: cache.type }),
    features: extractor?.fingerprint ?? 'none',
    ...others,
  };
}

function isTrainedSize({ height, width }: Geometry, trained: Geometry): boolean {
  return height === trained.height && width === trained.width;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
