/** The uncached trajectory of one batch, single steps of which can be taken in another way. */
import { pause } from '#platform/eventLoop';
import { requireFiniteLatents } from '../../diffusion/finiteLatents.js';
import { batchNormals } from '../../diffusion/philox.js';
import type { Prediction, Sampler, SamplerRun } from '../../diffusion/sampler.js';
import { DenoisingSession } from '../../engine/session.js';
import { latentSize } from '../../models/network.js';
import { BatchNetwork } from '../../pipeline/batchNetwork.js';
import type { AnyCacheOptions, ResolvedOptions, SampleOptions } from '../../pipeline/options.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { samplerOf } from '../../pipeline/samplerOf.js';
import type { BatchConditions } from '../../pipeline/sequences.js';

/** The network under a cache over a few steps, for any step of a trajectory. */
export class StepNetwork implements Disposable {
  readonly #network: BatchNetwork;
  #conditioned = -1;

  private constructor(
    readonly trajectory: Trajectory,
    readonly session: DenoisingSession,
    conditions: BatchConditions,
  ) {
    const { pipeline, options } = trajectory;
    this.#network = new BatchNetwork({ ...options, network: pipeline.network, conditions, session });
  }

  /** `steps` are those that the cache is planned for. */
  static async create(trajectory: Trajectory, cache: AnyCacheOptions, steps: number): Promise<StepNetwork> {
    const { pipeline, options } = trajectory;
    const { images } = options;
    const conditions = (await pipeline.conditionsOf(options))(0, images);
    const plan = pipeline.planResolved({ ...options, steps, batch: images, cache }, undefined, images);
    const session = await DenoisingSession.create(pipeline.device, pipeline.weights, plan);
    return new StepNetwork(trajectory, session, conditions);
  }

  /** What step `place` of the cache predicts for latents at a step of the trajectory. */
  async predict(place: number, step: number, latents: Float32Array): Promise<Prediction> {
    const { options, sampler } = this.trajectory;
    options.signal?.throwIfAborted();
    if (this.#conditioned !== step) await this.#network.condition([sampler.timesteps[step]!]);
    this.#conditioned = step;
    const prediction = await this.#network.predict(place, 0, latents);
    // The network runs on this thread too: let signals and timers through.
    await pause();
    this.trajectory.requireFinite(step, prediction.noise);
    return prediction;
  }

  [Symbol.dispose](): void {
    this.session.dispose();
  }
}

export class Trajectory {
  readonly options: ResolvedOptions;
  readonly sampler: Sampler;
  /** Before every step, and behind the last one. */
  readonly latents: Float32Array[];
  readonly predictions: Prediction[] = [];

  /** All images of `options` are one batch. */
  constructor(
    readonly pipeline: Pipeline,
    options: SampleOptions,
  ) {
    this.options = pipeline.resolve(options);
    this.sampler = samplerOf(this.options, pipeline.network);
    this.latents = [this.sampler.initialLatents(this.#noise(0))];
  }

  get steps(): number {
    return this.sampler.timesteps.length;
  }

  get final(): Float32Array {
    return this.latents[this.steps]!;
  }

  /** Takes all steps. `network` is one without a cache. */
  async sample(network: StepNetwork, onStep: () => void | Promise<void>): Promise<void> {
    const run = this.#start();
    for (let step = 0; step < this.steps; step++) {
      const prediction = await network.predict(0, step, this.latents[step]!);
      this.predictions.push(prediction);
      this.latents.push(this.#advanced(run, step, this.latents[step]!, prediction));
      await onStep();
    }
  }

  /** The final latents when step `step` had another prediction and nothing else were cached. */
  async finish(
    network: StepNetwork,
    step: number,
    prediction: Prediction,
    onStep: () => void,
  ): Promise<Float32Array> {
    const run = this.#start();
    // A multistep sampler knows of the steps before.
    for (let past = 0; past < step; past++)
      this.#advanced(run, past, this.latents[past]!, this.predictions[past]!);
    let latents = this.#advanced(run, step, this.latents[step]!, prediction);
    for (let next = step + 1; next < this.steps; next++) {
      latents = this.#advanced(run, next, latents, await network.predict(0, next, latents));
      onStep();
    }
    return latents;
  }

  /** Throws a `NonFiniteError`: sums over values that are not finite would say nothing. */
  requireFinite(step: number, values: Float32Array): void {
    const { images, firstImage } = this.options;
    requireFiniteLatents(values, { step, steps: this.steps, images, firstImage });
  }

  #advanced(run: SamplerRun, step: number, latents: Float32Array, prediction: Prediction): Float32Array {
    const next = latents.slice();
    run.advance(step, next, prediction);
    this.requireFinite(step, next);
    return next;
  }

  #start(): SamplerRun {
    return this.sampler.start((step) => this.#noise(1 + step));
  }

  /** As the pipeline draws it: stream 0 is the initial noise, then one per step. */
  #noise(stream: number): Float32Array {
    const { images, seed, firstImage, geometry } = this.options;
    return batchNormals(seed, stream, firstImage, images, latentSize(this.pipeline.network, geometry));
  }
}
