import type { SamplerName, SamplerStep } from '../diffusion/sampler.js';
import type { Plan } from '../plan/types.js';
import type { ModelInput } from './inputs.js';

/** Key of the metadata under which a model file keeps its `ModelHeader`, as JSON. */
export const HEADER_KEY = 'incache';

export const FORMAT = 'incache-model';
/** Files of versions 1 and 2 have `classes` in place of `inputs`; those of 1 have no decoder, those of 2 have one. */
export const VERSION = 3;
export const VERSIONS: readonly number[] = [1, 2, VERSION];
export const DECODER_VERSION = 2;

/** Images in a batch that a program reading the file must be ready for. */
export const MOST_IMAGES = 2 ** 16;

/** Names of the factors' tensors begin with this. */
export const FACTOR_PREFIX = 'factors.';

/** Names of the decoder's tensors begin with this. */
export const DECODER_PREFIX = 'vae.';

/**
 * What a model file says beside its tensors: all that a program needs to sample, without a model, a cache policy or
 * a sampler of its own. The file is a safetensors file; its tensors have the names of the plans' `weight` buffers, and
 * as many elements.
 *
 * A batch has the conditional sequences of all images and, when guided, the unconditional ones after them. The context plan,
 * where there is one, runs before the first step. At every `chunkSteps`-th step the conditioning plan fills the modulation table
 * for that many steps: place p of the chunk and label row l are row p * labelRows + l of its input `timesteps` (rows past the
 * last step repeat any other). Label rows are one an image and, when guided, the last for unconditional sequences.
 *
 * The `inputs` that a program gives fill the inputs of their names in any of these plans, a group of rows for each label row, for
 * each place and label row, or for each sequence: as many as the plan's buffer has. Unconditional sequences share one group.
 * Where `labelRows` is 1 all sequences have that row, and no input of a row differs between them.
 *
 * Then each step's plan takes `latents` and, in `rows`, the row of the table of every sequence. Of its output
 * `prediction` the first `channels` channels are the noise, the rest, where there are any, the variance. Under guidance
 * the first `guidanceChannels` of the noise become uncond + guidanceScale (cond - uncond); the rest and the variance
 * are the conditional sequence's. The step's numbers then advance the latents, see `SamplerStep`.
 *
 * Noise is that of `normals`: of image i, stream 0 at the start and stream 1 + step for what a step adds.
 *
 * Pictures are what `decoder` makes of the latents. Without one the latents of 1 or 3 channels are the picture.
 */
export interface ModelHeader {
  readonly format: typeof FORMAT;
  readonly version: number;
  /** For people. */
  readonly name: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly inputs: readonly ModelInput[];
  readonly learnSigma: boolean;
  /** Images in a batch. */
  readonly images: number;
  readonly guidanceScale: number;
  readonly guided: boolean;
  readonly guidanceChannels: number;
  /** Rows of the table that a step takes: one for all, or one an image, and when guided one more, the last, for the null class. */
  readonly labelRows: number;
  /** Steps whose modulation the table holds at once. */
  readonly chunkSteps: number;
  readonly sampler: SamplerName;
  /** The noise at the start is multiplied by this; 1 where it is absent. */
  readonly initialScale?: number;
  /** The sampler's table, with the place of the plan that each step runs. */
  readonly steps: readonly ModelStep[];
  readonly conditioning: Plan;
  /** What depends on the inputs alone, such as keys and values of a text. */
  readonly context?: Plan;
  readonly plans: readonly Plan[];
  readonly decoder?: ModelDecoder;
}

/**
 * The decoder of an autoencoder, for one image at a time. Its plan takes `latents` (1 x channels * height * width of the
 * model), each as value / scalingFactor + shiftFactor, and gives `image` (1 x channels * height * width of the picture), about
 * -1 to 1. A byte of the picture is (value + 1) * 127.5, clamped to 0..255 and rounded.
 */
export interface ModelDecoder {
  readonly scalingFactor: number;
  readonly shiftFactor: number;
  /** Channels of the picture: 1 (grey) or 3 (red, green, blue). */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly plan: Plan;
}

export interface ModelStep extends SamplerStep {
  readonly plan: number;
}
