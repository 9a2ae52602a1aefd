/** A measurement of errors in units, each of which is taken whole and kept. */
import type { Prediction } from '../../diffusion/sampler.js';
import type { AnyCacheOptions } from '../../pipeline/options.js';
import type { SavedRun } from './savedRun.js';
import { StepNetwork, type Trajectory } from './stepwise.js';

export interface MeasuringUnit {
  /** Unique in its measurement. */
  readonly name: string;
  /** Evaluations of the network that it takes. */
  readonly evaluations: number;
  measure(bench: MeasuringBench): Promise<Float64Array>;
}

/** What units gave, by name. */
export type UnitResults = ReadonlyMap<string, Float64Array>;

/** The uncached trajectory, and the networks that take its steps again. */
export class MeasuringBench implements Disposable {
  #cached: { readonly key: string; readonly network: StepNetwork } | undefined;

  private constructor(
    readonly trajectory: Trajectory,
    readonly full: StepNetwork,
    readonly onEvaluation: () => void,
  ) {}

  /** Samples the trajectory. */
  static async create(trajectory: Trajectory, onEvaluation: () => void): Promise<MeasuringBench> {
    const full = await StepNetwork.create(trajectory, { policy: 'none' }, 1);
    try {
      await trajectory.sample(full, onEvaluation);
      return new MeasuringBench(trajectory, full, onEvaluation);
    } catch (error) {
      full[Symbol.dispose]();
      throw error;
    }
  }

  /** The network under a cache over so many steps. One is kept, for units that ask for the same `key` in turn. */
  async network(key: string, cache: AnyCacheOptions, steps: number): Promise<StepNetwork> {
    if (this.#cached?.key === key) return this.#cached.network;
    this.#cached?.network[Symbol.dispose]();
    this.#cached = undefined;
    const network = await StepNetwork.create(this.trajectory, cache, steps);
    this.#cached = { key, network };
    return network;
  }

  /** What step `place` of a network's cache predicts at a step of the uncached trajectory. */
  async predict(network: StepNetwork, place: number, step: number): Promise<Prediction> {
    const prediction = await network.predict(place, step, this.trajectory.latents[step]!);
    this.onEvaluation();
    return prediction;
  }

  /** The final latents when a step had another prediction and nothing else were cached. */
  finish(step: number, prediction: Prediction): Promise<Float32Array> {
    return this.trajectory.finish(this.full, step, prediction, this.onEvaluation);
  }

  [Symbol.dispose](): void {
    this.#cached?.network[Symbol.dispose]();
    this.full[Symbol.dispose]();
  }
}

/** Takes the units that were not taken yet, and keeps each when it is done. */
export async function takeUnits(
  units: readonly MeasuringUnit[],
  bench: MeasuringBench,
  saved: SavedRun | undefined,
): Promise<UnitResults> {
  const results = new Map<string, Float64Array>();
  saved?.load((read) => {
    for (const { name } of units) {
      const values = read(name);
      if (values) results.set(name, values);
    }
  });
  for (const { name, evaluations, measure } of units) {
    if (results.has(name)) {
      for (let i = 0; i < evaluations; i++) bench.onEvaluation();
      continue;
    }
    results.set(name, await measure(bench));
    saved?.save(results);
  }
  return results;
}
