/** The network as a batch sees it: its labels, both branches of guidance and the modulation table taken care of. */
import { bothBranches, guide } from '../diffusion/guidance.js';
import { splitPrediction } from '../diffusion/prediction.js';
import type { Prediction } from '../diffusion/sampler.js';
import type { DenoisingSession } from '../engine/session.js';
import type { DiTConfig } from '../models/dit/config.js';
import { isGuided, type Sequences, sequencesOf } from './sequences.js';

export interface BatchNetworkOptions {
  readonly config: Pick<DiTConfig, 'inChannels' | 'inputSize' | 'classes' | 'learnSigma'>;
  readonly session: DenoisingSession;
  readonly labels: readonly number[];
  readonly guidanceScale: number;
  readonly guidanceChannels: number;
  readonly signal?: AbortSignal | undefined;
}

export class BatchNetwork {
  readonly #options: BatchNetworkOptions;
  readonly #sequences: Sequences;

  constructor(options: BatchNetworkOptions) {
    const { labels, guidanceScale, config } = options;
    this.#options = options;
    this.#sequences = sequencesOf(labels, isGuided(guidanceScale), config.classes);
  }

  /** Fills the modulation table for these timesteps, at most `chunkSteps` of the session's plan. */
  async condition(timesteps: readonly number[]): Promise<void> {
    const { session, signal } = this.#options;
    const { distinct } = this.#sequences;
    await session.condition(
      timesteps.flatMap((timestep) =>
        Array.from({ length: session.plan.labels }, (_, i) => ({
          timestep,
          label: distinct[Math.min(i, distinct.length - 1)]!,
        })),
      ),
      signal,
    );
  }

  /**
   * The guided prediction of step `step` of the session's plan, at the timestep that is in place `place` of those that
   * were conditioned last. latents: images x channels x height x width.
   */
  async predict(step: number, place: number, latents: Float32Array): Promise<Prediction> {
    const { session, guidanceScale, signal } = this.#options;
    const { labels, distinct } = this.#sequences;
    const rows = Int32Array.from(labels, (label) => place * session.plan.labels + distinct.indexOf(label));
    const input = isGuided(guidanceScale) ? bothBranches(latents) : latents;
    return this.#predictionOf(await session.evaluate(step, input, rows, signal));
  }

  #predictionOf(output: Float32Array): Prediction {
    const { config, labels, guidanceScale, guidanceChannels } = this.#options;
    const geometry = {
      images: labels.length,
      channels: config.inChannels,
      pixels: config.inputSize ** 2,
      learnSigma: config.learnSigma,
    };
    if (isGuided(guidanceScale))
      return guide(output, { ...geometry, scale: guidanceScale, guidanceChannels });
    return splitPrediction(output, geometry);
  }
}
