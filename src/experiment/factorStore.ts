/** The factors of an experiment: each made once, kept in its folder, and on the device only while it is used. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { calibrate } from '../calibrate/calibrate.js';
import { FactorSet } from '../calibrate/factorSet.js';
import { calibrationSource, calibrationWork, defaultCalibration } from './calibrationData.js';
import type { FactorChoice } from './configuration.js';
import type { Advance, ExperimentContext } from './experiment.js';

export class FactorStore {
  readonly #context: ExperimentContext;

  constructor(context: ExperimentContext) {
    this.#context = context;
  }

  /** Evaluations of the network for one image that `use` takes at most. */
  work(choice: FactorChoice): number {
    if (choice.method === 'svd') return 0;
    const calibration = choice.calibration ?? defaultCalibration(this.#context);
    return calibrationWork(calibration, this.#context.sampling.steps);
  }

  /** Calls `action` with the factors of a seed, which it makes where they have not been made yet. */
  async use<T>(
    choice: FactorChoice,
    seed: number,
    advance: Advance,
    action: (factors: FactorSet) => Promise<T>,
  ): Promise<T> {
    const path = this.#path(choice, seed);
    const factors = existsSync(path) ? FactorSet.load(path) : await this.#make(choice, seed, advance);
    if (!existsSync(path)) factors.save(path);
    try {
      return await action(factors);
    } finally {
      this.#context.pipeline.releaseFactors(factors);
    }
  }

  async #make(choice: FactorChoice, seed: number, advance: Advance): Promise<FactorSet> {
    const { pipeline, sampling, signal } = this.#context;
    const { method, rank, calibration = defaultCalibration(this.#context) } = choice;
    const source = method === 'svd' ? undefined : calibrationSource(this.#context, calibration, seed);
    return calibrate(pipeline, {
      method,
      rank,
      seed,
      steps: sampling.steps,
      ...(source && { source }),
      ...(signal && { signal }),
      onProgress: (_, total) => advance(this.work(choice) / total),
    });
  }

  #path({ method, rank, calibration }: FactorChoice, seed: number): string {
    const folder = join(this.#context.folder, 'factors');
    mkdirSync(folder, { recursive: true });
    const data = calibration ? `-${calibration.data}-${calibration.count}` : '';
    return join(folder, `${method}-r${rank}${data}-seed${seed}.safetensors`);
  }
}
