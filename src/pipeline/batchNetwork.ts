/** The network as a batch sees it: its conditions, both branches of guidance and the modulation table taken care of. */
import { bothBranches, guide } from '../diffusion/guidance.js';
import { splitPrediction } from '../diffusion/prediction.js';
import type { Prediction } from '../diffusion/sampler.js';
import type { DenoisingSession } from '../engine/session.js';
import type { Network } from '../models/network.js';
import { type BatchConditions, isGuided, type Sequences, sequencesOf } from './sequences.js';

export interface BatchNetworkOptions {
  readonly network: Pick<Network, 'latents' | 'predicts' | 'conditions'>;
  readonly session: DenoisingSession;
  readonly conditions: BatchConditions;
  /** One for all images or one for each; 1 is for all or for none. */
  readonly guidanceScale: number | readonly number[];
  readonly guidanceChannels: number;
  readonly signal?: AbortSignal | undefined;
}

export class BatchNetwork {
  readonly #options: BatchNetworkOptions;
  readonly #sequences: Sequences;
  readonly #guided: boolean;
  #begun = false;

  constructor(options: BatchNetworkOptions) {
    const { network, conditions, guidanceScale } = options;
    this.#options = options;
    this.#guided = isGuided(typeof guidanceScale === 'number' ? guidanceScale : guidanceScale[0]!);
    this.#sequences = sequencesOf(network, conditions, this.#guided);
  }

  /** Fills the modulation table for these timesteps, at most `chunkSteps` of the session's plan. */
  async condition(timesteps: readonly number[]): Promise<void> {
    const { session, signal } = this.#options;
    const { all, distinct } = this.#sequences;
    if (!this.#begun) await session.begin(all, signal);
    this.#begun = true;
    await session.condition(
      timesteps.flatMap((timestep) =>
        Array.from({ length: session.plan.conditions }, (_, i) => ({
          timestep,
          ...distinct[Math.min(i, distinct.length - 1)]!,
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
    const { session, signal } = this.#options;
    const rows = Int32Array.from(
      this.#sequences.places,
      (distinct) => place * session.plan.conditions + distinct,
    );
    const input = this.#guided ? bothBranches(latents) : latents;
    return this.#predictionOf(await session.evaluate(step, input, rows, signal));
  }

  #predictionOf(output: Float32Array): Prediction {
    const { network, session, conditions, guidanceScale, guidanceChannels } = this.#options;
    const { height, width } = session.plan.geometry;
    const geometry = {
      images: conditions.conditional.length,
      channels: network.latents.channels,
      pixels: height * width,
      learnSigma: network.predicts.variance,
    };
    if (this.#guided) return guide(output, { ...geometry, scale: guidanceScale, guidanceChannels });
    return splitPrediction(output, geometry);
  }
}
