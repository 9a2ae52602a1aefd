/** Denoises one batch: the loop over steps between the sampler on the host and the network on the device. */
import { bothBranches, guide } from '../diffusion/guidance.js';
import { splitPrediction } from '../diffusion/prediction.js';
import type { Prediction, Sampler, StepNoise } from '../diffusion/sampler.js';
import type { DenoisingSession } from '../engine/session.js';
import { IncacheError } from '../errors.js';
import type { DiTConfig } from '../models/config.js';
import { planCost } from '../plan/cost.js';
import type { SampleStep } from './result.js';

export interface BatchOptions {
  readonly config: DiTConfig;
  readonly session: DenoisingSession;
  readonly sampler: Sampler;
  readonly labels: readonly number[];
  readonly guidanceScale: number;
  readonly guidanceChannels: number;
  /** Updated in place: images x channels x height x width. */
  readonly latents: Float32Array;
  readonly noise: StepNoise;
  readonly signal?: AbortSignal | undefined;
}

/** What is the same for all steps of a batch. */
interface Sequences {
  /** The label of each sequence: conditional rows, then unconditional ones under guidance. */
  readonly labels: readonly number[];
  readonly distinct: readonly number[];
}

/** Whether a guidance scale needs the unconditional branch. */
export function isGuided(guidanceScale: number): boolean {
  return guidanceScale !== 1;
}

/** The labels of a batch's sequences: [conditional, unconditional], as Meta's forward_with_cfg orders them. */
export function sequencesOf(labels: readonly number[], guided: boolean, nullClass: number): Sequences {
  const all = guided ? [...labels, ...labels.map(() => nullClass)] : [...labels];
  return { labels: all, distinct: [...new Set(all)] };
}

/** Yields after every step; batch numbers are the caller's to add. */
export async function* denoiseBatch(
  options: BatchOptions,
): AsyncGenerator<Omit<SampleStep, 'batch' | 'batches'>> {
  const { config, session, sampler, latents } = options;
  const { plan } = session;
  const guided = isGuided(options.guidanceScale);
  const sequences = sequencesOf(options.labels, guided, config.classes);
  const run = sampler.start(options.noise);
  const macs = plan.plans.map((step) => planCost(step).macs);
  let latest = -1;
  for (const [index, timestep] of sampler.timesteps.entries()) {
    options.signal?.throwIfAborted();
    const start = performance.now();
    const place = index % plan.chunkSteps;
    if (place === 0) await conditionChunk(options, sequences, index);
    const rows = Int32Array.from(
      sequences.labels,
      (label) => place * plan.labels + sequences.distinct.indexOf(label),
    );
    const output = await session.evaluate(index, guided ? bothBranches(latents) : latents, rows);
    run.advance(index, latents, predictionOf(options, output));
    const milliseconds = performance.now() - start;
    latest = index;
    yield {
      index,
      steps: sampler.timesteps.length,
      timestep,
      milliseconds,
      macs: session.course.plans.reduce((sum, place) => sum + macs[place]!, 0),
      cachedBlocks: session.course.cachedBlocks,
      latents: () => {
        if (latest !== index)
          throw new IncacheError(
            `the latents of step ${index} are gone: step ${latest} was taken; ask for them before the next step`,
          );
        return latents.slice();
      },
    };
    // The network runs on this thread too: let signals, timers and the caller's own work through.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Fills the modulation table for as many steps from `first` on as it holds. */
async function conditionChunk(
  { session, sampler }: BatchOptions,
  { distinct }: Sequences,
  first: number,
): Promise<void> {
  const { chunkSteps, labels } = session.plan;
  const timesteps = sampler.timesteps.slice(first, first + chunkSteps);
  await session.condition(
    timesteps.flatMap((timestep) =>
      Array.from({ length: labels }, (_, i) => ({
        timestep,
        label: distinct[Math.min(i, distinct.length - 1)]!,
      })),
    ),
  );
}

/** The guided prediction in an output of the network. */
export function predictionOf(
  options: Pick<BatchOptions, 'config' | 'labels' | 'guidanceScale' | 'guidanceChannels'>,
  output: Float32Array,
): Prediction {
  const { config, labels, guidanceScale, guidanceChannels } = options;
  const geometry = {
    images: labels.length,
    channels: config.inChannels,
    pixels: config.inputSize ** 2,
    learnSigma: config.learnSigma,
  };
  if (isGuided(guidanceScale)) return guide(output, { ...geometry, scale: guidanceScale, guidanceChannels });
  return splitPrediction(output, geometry);
}
