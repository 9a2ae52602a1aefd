/** The fits of an experiment: measured once for a seed and kept in its folder. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { StepGrams } from '../cache/data/stepGrams.js';
import { gramsWork, type MeasureGramsOptions, measureGrams } from '../evaluate/runs/measureGrams.js';
import { fitSeed } from './calibrationData.js';
import type { Advance, ExperimentContext } from './experiment.js';

/** Images that coefficients are fitted to. */
const IMAGES = 8;

export class FitStore {
  readonly #context: ExperimentContext;

  constructor(context: ExperimentContext) {
    this.#context = context;
  }

  /** Evaluations of the network for one image that `get` takes at most. */
  get work(): number {
    return IMAGES * this.#context.sampling.steps;
  }

  /** The fits of a seed, of images of another one. */
  async get(seed: number, advance: Advance): Promise<StepGrams> {
    const { pipeline, sampling, text, signal, folder } = this.#context;
    const path = join(folder, 'fits', `seed${seed}.safetensors`);
    if (existsSync(path)) return StepGrams.load(path);
    const options: MeasureGramsOptions = { ...sampling, ...text, images: IMAGES, seed: fitSeed(seed) };
    const share = this.work / gramsWork(pipeline.network, options);
    const fits = await measureGrams(pipeline, {
      ...options,
      ...(signal && { signal }),
      onStep: () => advance(share),
    });
    mkdirSync(join(folder, 'fits'), { recursive: true });
    fits.save(path);
    return fits;
  }
}
