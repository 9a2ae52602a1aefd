import type { SamplerName, SamplerStep } from '../diffusion/sampler.js';
import type { Plan } from '../plan/types.js';

/** Key of the metadata under which a model file keeps its `ModelHeader`, as JSON. */
export const HEADER_KEY = 'incache';

export const FORMAT = 'incache-model';
export const VERSION = 1;

/** Images in a batch that a program reading the file must be ready for. */
export const MOST_IMAGES = 2 ** 16;

/** Names of the factors' tensors begin with this. */
export const FACTOR_PREFIX = 'factors.';

/**
 * What a model file says beside its tensors: all that a program needs to sample, without a model, a cache policy or
 * a sampler of its own. The file is a safetensors file; its tensors have the names of the plans' `weight` buffers, and
 * as many elements.
 *
 * A batch has the conditional sequences of all images and, when guided, the unconditional ones after them. At every
 * `chunkSteps`-th step the conditioning plan fills the modulation table for that many steps: place p of the chunk and
 * label row l are row p * labelRows + l of its inputs `timesteps` and `labels` (rows past the last step repeat any
 * other). Then each step's plan takes `latents` and, in `rows`, the row of the table of every sequence. Of its output
 * `prediction` the first `channels` channels are the noise, the rest, where there are any, the variance. Under guidance
 * the first `guidanceChannels` of the noise become uncond + guidanceScale (cond - uncond); the rest and the variance
 * are the conditional sequence's. The step's numbers then advance the latents, see `SamplerStep`.
 *
 * Noise is that of `normals`: of image i, stream 0 at the start and stream 1 + step for what a step adds.
 */
export interface ModelHeader {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  /** For people. */
  readonly name: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Labels are from 0 to classes - 1; `classes` itself is the null class. */
  readonly classes: number;
  readonly learnSigma: boolean;
  /** Images in a batch. */
  readonly images: number;
  readonly guidanceScale: number;
  readonly guided: boolean;
  readonly guidanceChannels: number;
  /** Rows of the table that a step takes: one an image, and when guided one more, the last, for the null class. */
  readonly labelRows: number;
  /** Steps whose modulation the table holds at once. */
  readonly chunkSteps: number;
  readonly sampler: SamplerName;
  /** The noise at the start is multiplied by this; 1 where it is absent. */
  readonly initialScale?: number;
  /** The sampler's table, with the place of the plan that each step runs. */
  readonly steps: readonly ModelStep[];
  readonly conditioning: Plan;
  readonly plans: readonly Plan[];
}

export interface ModelStep extends SamplerStep {
  readonly plan: number;
}
