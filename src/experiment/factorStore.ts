/** The factors of an experiment: made once for all ranks, kept in its folder, and on the device only while they are used. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { calibrate } from '../calibrate/calibrate.js';
import { FactorSet } from '../calibrate/factorSet.js';
import {
  calibrationSeed,
  calibrationSource,
  calibrationWork,
  defaultCalibration,
} from './calibrationData.js';
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
    const factors = this.#stored(choice, seed) ?? (await this.#make(choice, seed, advance));
    try {
      return await action(factors);
    } finally {
      this.#context.pipeline.releaseFactors(factors);
    }
  }

  /** The factors as they are kept, or cut down from some of a larger rank. */
  #stored(choice: FactorChoice, seed: number): FactorSet | undefined {
    const name = nameOf(choice, seed);
    const ranks = this.#files().flatMap((file) => {
      const [, stem, rank] = /^(.+)-r(\d+)\.safetensors$/.exec(file) ?? [];
      return stem === name && Number(rank) >= choice.rank ? [Number(rank)] : [];
    });
    if (ranks.length === 0) return undefined;
    const rank = Math.min(...ranks);
    const factors = FactorSet.load(this.#path(choice, rank, seed));
    return rank === choice.rank ? factors : factors.truncated(choice.rank);
  }

  async #make(choice: FactorChoice, seed: number, advance: Advance): Promise<FactorSet> {
    const { pipeline, sampling, signal } = this.#context;
    const { method, rank, calibration = defaultCalibration(this.#context) } = choice;
    const ownSeed = calibrationSeed(seed);
    const source = method === 'svd' ? undefined : calibrationSource(this.#context, calibration, ownSeed);
    const factors = await calibrate(pipeline, {
      method,
      rank,
      seed: ownSeed,
      steps: sampling.steps,
      ...(source && { source }),
      ...(signal && { signal }),
      onProgress: (_, total) => advance(this.work(choice) / total),
    });
    mkdirSync(this.#folder, { recursive: true });
    factors.save(this.#path(choice, rank, seed));
    return factors;
  }

  get #folder(): string {
    return join(this.#context.folder, 'factors');
  }

  #files(): string[] {
    return existsSync(this.#folder) ? readdirSync(this.#folder) : [];
  }

  #path(choice: FactorChoice, rank: number, seed: number): string {
    return join(this.#folder, `${nameOf(choice, seed)}-r${rank}.safetensors`);
  }
}

/** What makes factors the same but for their rank. */
function nameOf({ method, calibration }: FactorChoice, seed: number): string {
  return [method, ...Object.values(calibration ?? {}), `seed${seed}`].join('-');
}
