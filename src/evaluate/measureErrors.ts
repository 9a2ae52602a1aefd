/** Measures what caching costs a model in error, for the policies that choose by it. */
import { Schedule, scheduleLayers } from '../cache/schedule.js';
import { ErrorTable, type KindErrors } from '../calibrate/errorTable.js';
import type { FactorSet } from '../calibrate/factorSet.js';
import type { Prediction } from '../diffusion/sampler.js';
import { requireInteger } from '../errors.js';
import type { DiTConfig } from '../models/config.js';
import type { CacheOptions, SampleOptions } from '../pipeline/options.js';
import type { DiTPipeline } from '../pipeline/pipeline.js';
import { VERSION } from '../version.js';
import { relativeL2 } from './relativeL2.js';
import { StepNetwork, Trajectory } from './stepwise.js';

export interface MeasureErrorsOptions
  extends Omit<SampleOptions, 'labels' | 'noise' | 'batch' | 'cache' | 'firstImage'> {
  /** Images that are sampled together, labels in turn. Default 8. */
  readonly images?: number;
  /** The most steps from the stored one that are measured. Default 3. */
  readonly gaps?: number;
  /** Measure calibration with them beside reuse. */
  readonly factors?: FactorSet;
  /** Called after every evaluation of the network, of `measuringWork` in all. */
  readonly onProgress?: () => void;
}

const DEFAULT_IMAGES = 8;
const DEFAULT_GAPS = 3;
const DEFAULT_STEPS = 50;

/** Evaluations of the network that `measureErrors` will take. */
export function measuringWork(config: DiTConfig, options: MeasureErrorsOptions): number {
  const { steps = DEFAULT_STEPS, gaps = DEFAULT_GAPS, factors } = options;
  const kinds = factors ? 2 : 1;
  const variants = 1 + scheduleLayers(config.depth, 'sublayer').length;
  let [cached, sampledOn] = [0, 0];
  for (let base = 0; base < steps - 1; base++) {
    cached++;
    for (let step = base + 1; step <= Math.min(base + gaps, steps - 1); step++) {
      cached++;
      sampledOn += steps - 1 - step;
    }
  }
  return steps + kinds * (variants * cached + sampledOn);
}

/**
 * Samples without a cache and takes every step again with a cache of the step 1 to `gaps` before it, everything
 * reused (and calibrated), sampling on without a cache to the end: an error counts by what it does to the image, not
 * to the step it is made at. It is the relative L2 of the final latents, all images as one vector. Then each sublayer
 * is cached alone, and its error is estimated from how the change of the predicted noise compares with that of all.
 * Throws an `ArgumentError` for options that do not fit, and as `sample` does.
 */
export async function measureErrors(
  pipeline: DiTPipeline,
  options: MeasureErrorsOptions = {},
): Promise<ErrorTable> {
  const { images = DEFAULT_IMAGES, gaps = DEFAULT_GAPS, steps = DEFAULT_STEPS, factors } = options;
  requireInteger('images', images, 1);
  requireInteger('steps', steps, 2, 1000);
  requireInteger('gaps', gaps, 1, steps - 1);
  const labels = Array.from({ length: images }, (_, image) => image % pipeline.config.classes);
  const trajectory = new Trajectory(pipeline, { ...options, steps, labels });
  const measurement = new Measurement(trajectory, gaps, options.onProgress ?? (() => {}));
  const kinds = await measurement.run(factors);
  return new ErrorTable(
    {
      modelHash: pipeline.checkpoint.hash,
      ...(factors && { factorHash: factors.hash }),
      sampler: trajectory.sampler.name,
      steps,
      gaps,
      sublayers: measurement.layers.length,
      guidanceScale: trajectory.options.guidanceScale,
      images,
      seed: trajectory.options.seed,
      createdBy: `incache ${VERSION}`,
    },
    kinds,
  );
}

class Measurement {
  readonly layers: readonly string[];

  constructor(
    readonly trajectory: Trajectory,
    readonly gaps: number,
    readonly onEvaluation: () => void,
  ) {
    this.layers = scheduleLayers(trajectory.pipeline.config.depth, 'sublayer');
  }

  async run(factors: FactorSet | undefined): Promise<ErrorTable['kinds']> {
    using network = await StepNetwork.create(this.trajectory, { policy: 'none' });
    await this.trajectory.sample(network, this.onEvaluation);
    const reuse = await this.#kind(network, { policy: 'reuse' });
    const calibrate = factors && (await this.#kind(network, { policy: 'calibrated', factors }));
    return { reuse, ...(calibrate && { calibrate }) };
  }

  /** `full` is the network without a cache. */
  async #kind(full: StepNetwork, cache: CacheOptions): Promise<KindErrors> {
    const { trajectory, onEvaluation } = this;
    const size = trajectory.steps * this.gaps;
    const [steps, changes] = [new Float64Array(size), new Float64Array(size)];
    await this.#eachPair(
      cache,
      () => true,
      async (place, step, prediction) => {
        changes[place] = distance(prediction, trajectory.predictions[step]!);
        const final = await trajectory.finish(full, step, prediction, onEvaluation);
        steps[place] = relativeL2(final, trajectory.final);
      },
    );
    const count = this.layers.length;
    const sublayers = new Float64Array(size * count);
    for (const [column, layer] of this.layers.entries())
      await this.#eachPair(
        cache,
        (name) => name === layer,
        async (place, step, prediction) => {
          const change = distance(prediction, trajectory.predictions[step]!);
          if (change > 0) sublayers[place * count + column] = (change / changes[place]!) * steps[place]!;
        },
      );
    return { steps, sublayers };
  }

  /**
   * Calls `use` with what is predicted at a step when the sublayers that are `cached` have been stored at another,
   * for every pair up to `gaps` apart; `place` is that of (step, gap) in a table of steps x gaps.
   */
  async #eachPair(
    cache: CacheOptions,
    cached: (layer: string) => boolean,
    use: (place: number, step: number, prediction: Prediction) => Promise<void>,
  ): Promise<void> {
    const { latents, steps } = this.trajectory;
    using network = await StepNetwork.create(this.trajectory, { ...cache, schedule: this.#schedule(cached) });
    for (let base = 0; base < steps - 1; base++) {
      await network.predict(0, base, latents[base]!);
      this.onEvaluation();
      for (let step = base + 1; step <= Math.min(base + this.gaps, steps - 1); step++) {
        const prediction = await network.predict(1, step, latents[step]!);
        this.onEvaluation();
        await use(step * this.gaps + step - base - 1, step, prediction);
      }
    }
  }

  /** Two steps: everything is gathered, then the layers that are `cached` are scattered. */
  #schedule(cached: (layer: string) => boolean): Schedule {
    return Schedule.fromRule(this.layers, 2, (_, layer) => !cached(layer));
  }
}

/** L2 of the difference between predicted noises. */
function distance(a: Prediction, b: Prediction): number {
  let sum = 0;
  for (let i = 0; i < b.noise.length; i++) sum += (a.noise[i]! - b.noise[i]!) ** 2;
  return Math.sqrt(sum);
}
