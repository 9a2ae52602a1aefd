/** The factors of an experiment: made once for all ranks, kept in its folder, and on the device only while they are used. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { FactorSet } from '../cache/data/factorSet.js';
import { calibrate } from '../calibrate/calibrate.js';
import { layersWork, measureLayers } from '../evaluate/runs/measureLayers.js';
import {
  calibrationSeed,
  calibrationSource,
  calibrationWork,
  defaultCalibration,
} from './calibrationData.js';
import type { FactorChoice } from './configuration.js';
import type { Advance, ExperimentContext } from './experiment.js';
import { FitStore } from './fitStore.js';

/** Images that the layers' errors are measured on, for ranks that are spread. */
const LAYER_IMAGES = 8;

export class FactorStore {
  readonly #context: ExperimentContext;
  readonly #fits: FitStore;
  readonly #choices: readonly FactorChoice[];

  /** @param choices all of the experiment */
  constructor(context: ExperimentContext, choices: readonly FactorChoice[]) {
    this.#context = context;
    this.#choices = choices;
    this.#fits = new FitStore(context);
  }

  /** Evaluations of the network for one image that `use` takes at most. */
  work(choice: FactorChoice): number {
    const { pipeline, sampling } = this.#context;
    const layers = choice.spread ? LAYER_IMAGES * sampling.steps * layersWork(pipeline.network) : 0;
    return layers + this.#calibrationWork(choice);
  }

  #calibrationWork({ method, calibration = defaultCalibration(this.#context) }: FactorChoice): number {
    return method === 'svd' ? 0 : calibrationWork(calibration, this.#context.sampling.steps);
  }

  /** Calls `action` with the factors of a seed, which it makes where they have not been made yet. */
  async use<T>(
    choice: FactorChoice,
    seed: number,
    advance: Advance,
    action: (factors: FactorSet) => Promise<T>,
  ): Promise<T> {
    const factors = this.#stored(choice, seed) ?? (await this.#makeLargest(choice, seed, advance));
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
      // Ranks that were spread cannot be cut down alike.
      const serves = choice.spread ? Number(rank) === choice.rank : Number(rank) >= choice.rank;
      return stem === name && serves ? [Number(rank)] : [];
    });
    if (ranks.length === 0) return undefined;
    const rank = Math.min(...ranks);
    const factors = FactorSet.load(this.#path(choice, rank, seed));
    return rank === choice.rank ? factors : factors.truncated(choice.rank);
  }

  /** Of a rank that others of the experiment are cut from too, so that factors are the same whichever of them is measured first. */
  async #makeLargest(choice: FactorChoice, seed: number, advance: Advance): Promise<FactorSet> {
    if (choice.spread) return this.#make(choice, seed, advance);
    const name = nameOf(choice, seed);
    const alike = this.#choices.filter((other) => !other.spread && nameOf(other, seed) === name);
    const rank = Math.max(choice.rank, ...alike.map((other) => other.rank));
    const factors = await this.#make({ ...choice, rank }, seed, advance);
    return rank === choice.rank ? factors : factors.truncated(choice.rank);
  }

  async #make(choice: FactorChoice, seed: number, advance: Advance): Promise<FactorSet> {
    const { pipeline, sampling, text, signal } = this.#context;
    const { method, rank, spread, calibration = defaultCalibration(this.#context) } = choice;
    const ownSeed = calibrationSeed(seed);
    const fits = calibration.terms === undefined ? undefined : await this.#fits.get(seed, advance);
    const source =
      method === 'svd' ? undefined : await calibrationSource(this.#context, calibration, ownSeed, fits);
    const errors =
      spread &&
      (await measureLayers(pipeline, {
        ...sampling,
        ...text,
        ...spread,
        images: LAYER_IMAGES,
        seed: ownSeed,
        ...(signal && { signal }),
        onLayer: () => advance(LAYER_IMAGES * sampling.steps),
      }));
    const factors = await calibrate(pipeline, {
      method,
      rank: errors ? { spread: rank, errors } : rank,
      ...(source && { source }),
      ...(signal && { signal }),
      onProgress: (_, total) => advance(this.#calibrationWork(choice) / total),
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
function nameOf({ method, calibration, spread }: FactorChoice, seed: number): string {
  const against = calibration?.terms === undefined ? [] : ['fitted'];
  const data = [
    ...against,
    ...Object.values(calibration ?? {}),
    ...(spread ? ['spread', ...Object.values(spread)] : []),
  ];
  return [method, ...data, `seed${seed}`].join('-');
}
