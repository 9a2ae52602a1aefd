/** What caching costs in error, for the policies that choose by it: measured once and kept in the experiment's folder. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ErrorTable } from '../calibrate/errorTable.js';
import type { FactorSet } from '../calibrate/factorSet.js';
import { type MeasureErrorsOptions, measureErrors, measuringWork } from '../evaluate/measureErrors.js';
import { calibrationSeed } from './calibrationData.js';
import type { FactorChoice } from './configuration.js';
import type { Advance, ExperimentContext } from './experiment.js';

/** Images that the errors are measured on: few, since every step of theirs is taken in every way. */
const IMAGES = 8;

/** The most steps between a stored one and its use. */
const LARGEST_GAP = 4;

export class ErrorStore {
  readonly #context: ExperimentContext;

  constructor(context: ExperimentContext) {
    this.#context = context;
  }

  /** Evaluations of the network for one image that `get` takes at most. */
  get work(): number {
    return IMAGES * measuringWork(this.#context.pipeline.config, this.#options());
  }

  /** The errors of reuse, and of calibration where there are factors, on images of a seed of their own. */
  async get(
    seed: number,
    advance: Advance,
    choice: FactorChoice | undefined,
    factors: FactorSet | undefined,
  ): Promise<ErrorTable> {
    const folder = join(this.#context.folder, 'errors');
    const path = join(
      folder,
      `${choice ? `${choice.method}-r${choice.rank}` : 'reuse'}-seed${seed}.safetensors`,
    );
    if (existsSync(path)) return ErrorTable.load(path);
    const errors = await measureErrors(this.#context.pipeline, {
      ...this.#options(),
      seed: calibrationSeed(seed),
      ...(factors && { factors }),
      onProgress: () => advance(IMAGES),
    });
    mkdirSync(folder, { recursive: true });
    errors.save(path);
    return errors;
  }

  #options(): MeasureErrorsOptions {
    const { sampling, signal } = this.#context;
    const gaps = Math.min(LARGEST_GAP, sampling.steps - 1);
    return { ...sampling, images: IMAGES, gaps, ...(signal && { signal }) };
  }
}
