/** What caching costs in error, for the policies that choose by it: measured once and kept in the experiment's folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ErrorTable } from '../cache/data/errorTable.js';
import type { FactorSet } from '../cache/data/factorSet.js';
import { type MeasureErrorsOptions, measureErrors, measuringWork } from '../evaluate/runs/measureErrors.js';
import { calibrationSeed } from './calibrationData.js';
import type { FactorChoice } from './configuration.js';
import type { Advance, ExperimentContext, SamplingChoice } from './experiment.js';

/** Images that the errors are measured on: few, since every step of theirs is taken in every way. */
const IMAGES = 8;

/** The most steps between a stored one and its use. */
const LARGEST_GAP = 3;

export class ErrorStore {
  readonly #context: ExperimentContext;

  constructor(context: ExperimentContext) {
    this.#context = context;
  }

  /** Evaluations of the network for one image that `get` takes at most. */
  work(order: number, choice: FactorChoice | undefined): number {
    // With order 0, calibration is measured beside reuse.
    const kinds = choice && order === 0 ? 2 : 1;
    return kinds * IMAGES * measuringWork(this.#context.pipeline.network, this.#options(order));
  }

  /**
   * The errors of an order on images of a seed of their own: of reuse or extrapolation, or with factors of calibration
   * too. Killed and called again it goes on.
   */
  async get(
    order: number,
    seed: number,
    advance: Advance,
    choice: FactorChoice | undefined,
    factors: FactorSet | undefined,
  ): Promise<ErrorTable> {
    const kind = choice ? `${choice.method}-r${choice.rank}` : 'reuse';
    const folder = join(this.#context.folder, 'errors', `${kind}-m${order}-seed${seed}`);
    const path = join(folder, 'errors.safetensors');
    if (existsSync(path)) return ErrorTable.load(path);
    const errors = await measureErrors(this.#context.pipeline, {
      ...this.#options(order),
      seed: calibrationSeed(seed),
      folder,
      ...(factors && { factors }),
      onProgress: () => advance(IMAGES),
    });
    errors.save(path);
    return errors;
  }

  #options(order: number): MeasureErrorsOptions {
    const { sampling, text, signal } = this.#context;
    return { ...sampling, ...text, order, images: IMAGES, gaps: gapsOf(sampling), ...(signal && { signal }) };
  }
}

/** The most steps in a row that a policy which chooses by measured errors may cache. */
export function gapsOf({ steps }: SamplingChoice): number {
  return Math.min(LARGEST_GAP, steps - 1);
}
