/** What decides the numbers of an evaluation, by name: a saved run is gone on with only where all of it is the same. */
import { createHash } from 'node:crypto';
import type { FactorSet } from '../calibrate/factorSet.js';
import { resolveOptions, type SampleOptions, scheduleOf } from '../pipeline/options.js';
import type { DiTPipeline } from '../pipeline/pipeline.js';
import type { FeatureExtractor } from './featureExtractor.js';
import type { RunKey } from './savedRun.js';

/** Not in it: batch and threads, which change no bit of an image. */
export function runKey(
  pipeline: DiTPipeline,
  options: SampleOptions,
  extractor: FeatureExtractor | undefined,
  others: RunKey,
): RunKey {
  const resolved = resolveOptions(options, pipeline.config);
  const { steps, sampler, eta, variance, guidanceScale, guidanceChannels, seed, cache } = resolved;
  const policy = cache.policy ?? 'none';
  const { gather } = scheduleOf(cache, steps, pipeline.config.depth);
  return {
    model: pipeline.checkpoint.hash,
    backend: pipeline.device.backend,
    activations: pipeline.device.activations,
    steps,
    sampler,
    eta,
    variance,
    guidanceScale,
    guidanceChannels,
    seed,
    policy,
    schedule: sha256(JSON.stringify(gather)),
    ...(cache.factors && { cacheForm: cache.form ?? 'input', factors: hashFactors(cache.factors) }),
    features: extractor?.fingerprint ?? 'none',
    ...others,
  };
}

function hashFactors({ layers }: FactorSet): string {
  const hash = createHash('sha256');
  for (const name of [...layers.keys()].sort()) {
    const { rank, up, down } = layers.get(name)!;
    hash.update(JSON.stringify([name, rank]));
    for (const { buffer, byteOffset, byteLength } of [up, down])
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
