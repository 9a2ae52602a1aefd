/** All metrics of one set of samples, gathered image by image in constant memory. */
import { ArgumentError, FormatError, IncacheError, requireInteger } from '../../errors.js';
import { isPictureSpace } from '../../pipeline/picture.js';
import type { ExtractedFeatures, FeatureExtractor } from '../features/featureExtractor.js';
import { type Accumulator, restoreState } from '../metrics/accumulator.js';
import { frechetDistanceOnThread } from '../metrics/frechetThread.js';
import { type Gaussian, GaussianAccumulator } from '../metrics/gaussian.js';
import { InceptionScore, type InceptionScoreResult, softmax } from '../metrics/inceptionScore.js';
import { Mean } from '../metrics/mean.js';
import type { Pictures } from '../metrics/pictures.js';
import { psnr } from '../metrics/psnr.js';
import { RelativeL2, squaredNorms } from '../metrics/relativeL2.js';
import { ssim } from '../metrics/ssim.js';
import type { SetStatistics } from '../metrics/statisticsFile.js';
import type { MeasuredImage } from './imageRow.js';

export interface EvaluationOptions {
  /** How many images there will be. */
  readonly images: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Features to take; none for a set of latents, or when only the difference to uncached runs matters. */
  readonly extractor?: FeatureExtractor;
  /** Splits of the inception score. Default 10. */
  readonly splits?: number;
}

/** Consecutive images, the first of them at the place that comes next. */
export interface EvaluationBatch {
  /** images x channels x height x width, as sampled. */
  readonly samples: Float32Array;
  /** The same from the uncached run, or nothing for all batches. */
  readonly uncached?: Float32Array;
  /** One a sample; an image counts as right when the extractor's largest logit is its label. */
  readonly labels?: readonly number[];
  /** One a sample: how well it fits its caption, see `ClipScore`. */
  readonly clip?: readonly number[];
}

/** Metrics are undefined where there is nothing to compute them from. */
export interface EvaluationResult {
  readonly images: number;
  /**
   * To the uncached run: dB of clamped images, averaged over the images that differ from it, since that of equal ones is
   * infinite; of pictures. Undefined where all are equal.
   */
  readonly psnr?: number;
  /** Images that are equal to those of the uncached run when clamped; of pictures. */
  readonly identical?: number;
  /** To the uncached run, averaged over images; only of pictures at least as large as its window. */
  readonly ssim?: number;
  /** To the uncached run, of all samples as one vector, not clamped. */
  readonly relativeL2?: number;
  /** Share of images that the extractor takes for what they should be. */
  readonly accuracy?: number;
  /** Mean of 100 max(cos, 0) over images and their captions, see `ClipScore`. */
  readonly clipScore?: number;
  readonly inceptionScore?: InceptionScoreResult;
  /** To the reference, in the extractor's features. */
  readonly frechet?: number;
  readonly spatialFrechet?: number;
}

/** Smallest side that SSIM is defined for. */
const SSIM_SIDE = 11;

export class Evaluation {
  readonly #options: EvaluationOptions;
  readonly #psnr = new Mean();
  readonly #identical = new Mean();
  readonly #ssim = new Mean();
  readonly #relativeL2 = new RelativeL2();
  readonly #accuracy = new Mean();
  readonly #clip = new Mean();
  readonly #inceptionScore: InceptionScore | undefined;
  readonly #features: GaussianAccumulator | undefined;
  readonly #spatial: GaussianAccumulator | undefined;
  #done = 0;

  /** Throws an `ArgumentError` when the extractor cannot take images of that size. */
  constructor(options: EvaluationOptions) {
    const { images, channels, height, width, extractor, splits } = options;
    requireInteger('images', images, 1);
    this.#options = options;
    if (!extractor) return;
    extractor.requireSize(channels, height, width);
    const { classes, features, spatialFeatures } = extractor;
    if (classes > 1 && images >= (splits ?? 10))
      this.#inceptionScore = new InceptionScore({ classes, images, ...(splits !== undefined && { splits }) });
    if (images > features) this.#features = new GaussianAccumulator(features);
    if (spatialFeatures > 0 && images > spatialFeatures)
      this.#spatial = new GaussianAccumulator(spatialFeatures);
  }

  /** Images added so far, which is the place of the next one. */
  get done(): number {
    return this.#done;
  }

  /**
   * What the extractor gives for the next images, which are not taken in yet; nothing without an extractor. Rejects
   * with an `ArgumentError` for more images than were announced or data that does not fill them, with an
   * `IncacheError` for features that are not finite.
   */
  async extract(batch: EvaluationBatch): Promise<ExtractedFeatures | undefined> {
    const { images, channels, height, width, extractor } = this.#options;
    const size = channels * height * width;
    const count = batch.samples.length / size;
    if (!Number.isInteger(count) || this.#done + count > images)
      throw new ArgumentError(
        'samples',
        `${batch.samples.length} values`,
        `at most ${images - this.#done} images of ${size}`,
      );
    if (batch.uncached && batch.uncached.length !== batch.samples.length)
      throw new ArgumentError(
        'uncached',
        `${batch.uncached.length} values`,
        `${batch.samples.length}, as there are samples`,
      );
    const pictures: Pictures = { data: batch.samples, shape: [count, channels, height, width] };
    const extracted = await extractor?.extract(pictures);
    for (const values of [extracted?.features ?? [], extracted?.spatial ?? []]) {
      const place = values.findIndex((value) => !Number.isFinite(value));
      if (place < 0) continue;
      const image = this.#done + Math.floor((place * count) / values.length);
      throw new IncacheError(`a feature of image ${image} is ${values[place]}`);
    }
    return extracted;
  }

  /** What is taken in of each of the next images, with what `extract` gave for them. It does not fail half way. */
  measure(
    { samples, uncached, labels, clip }: EvaluationBatch,
    extracted: ExtractedFeatures | undefined,
  ): MeasuredImage[] {
    const { channels, height, width } = this.#options;
    const size = channels * height * width;
    const count = samples.length / size;
    return Array.from({ length: count }, (_, i) => {
      const image = (values: Float32Array) => values.subarray(i * size, (i + 1) * size);
      const row = (values: Float32Array = NOTHING) =>
        values.subarray((i * values.length) / count, ((i + 1) * values.length) / count);
      const logits = row(extracted?.logits);
      return {
        ...(uncached ? this.#compare(image(samples), image(uncached)) : UNCOMPARED),
        right: labels && logits.length > 0 ? Number(largest(logits) === labels[i]) : Number.NaN,
        clip: clip?.[i] ?? Number.NaN,
        features: row(extracted?.features),
        spatial: row(extracted?.spatial),
        logits,
      };
    });
  }

  /** Takes in the next images, image by image, so that sums are the same whatever the batch. */
  takeMeasured(images: readonly MeasuredImage[]): void {
    for (const { right, psnr, ssim, difference, reference, clip, features, spatial, logits } of images) {
      if (!Number.isNaN(difference)) this.#relativeL2.addNorms({ difference, reference });
      if (!Number.isNaN(psnr)) this.#identical.add(psnr === Number.POSITIVE_INFINITY ? 1 : 0);
      if (Number.isFinite(psnr)) this.#psnr.add(psnr);
      if (!Number.isNaN(ssim)) this.#ssim.add(ssim);
      if (!Number.isNaN(right)) this.#accuracy.add(right);
      if (!Number.isNaN(clip)) this.#clip.add(clip);
      if (this.#options.extractor) {
        this.#features?.add(features);
        this.#spatial?.add(spatial);
        this.#inceptionScore?.add(this.#done, softmax(logits));
      }
      this.#done++;
    }
  }

  /** Takes in the next images, with what `extract` gave for them. It does not fail half way. */
  take(batch: EvaluationBatch, extracted: ExtractedFeatures | undefined): void {
    this.takeMeasured(this.measure(batch, extracted));
  }

  /** `extract` and `take` in one. */
  async add(batch: EvaluationBatch): Promise<void> {
    this.take(batch, await this.extract(batch));
  }

  /** Mean and covariances of the images. Throws an `ArgumentError` that says how many are needed. */
  statistics(): SetStatistics {
    const { images, extractor } = this.#options;
    if (!this.#features)
      throw new ArgumentError(
        'images',
        images,
        extractor
          ? `more than ${extractor.features}, the number of features, for a covariance`
          : 'an evaluation with features',
      );
    return {
      features: this.#features.gaussian(),
      ...(this.#spatial && { spatial: this.#spatial.gaussian() }),
    };
  }

  /** The result over the images so far; distances are to `reference`. Rejects with the signal's reason when it is aborted. */
  async result(reference?: SetStatistics, signal?: AbortSignal): Promise<EvaluationResult> {
    const value = (mean: Mean) => (mean.state.count[0]! > 0 ? mean.value : undefined);
    return defined({
      images: this.#done,
      psnr: value(this.#psnr),
      identical: this.#identical.state.count[0]! > 0 ? this.#identical.state.sum[0]! : undefined,
      ssim: value(this.#ssim),
      relativeL2: this.#relativeL2.pairs > 0 ? this.#relativeL2.value : undefined,
      accuracy: value(this.#accuracy),
      clipScore: value(this.#clip),
      inceptionScore: this.#inceptionScore?.result(),
      frechet: await distance(this.#features, reference?.features, signal),
      spatialFrechet: await distance(this.#spatial, reference?.spatial, signal),
    });
  }

  /** All that `restore` needs, by name. The arrays are the evaluation's own: write them out before the next `add`. */
  state(): Map<string, Float64Array> {
    const state = new Map<string, Float64Array>([['done', Float64Array.of(this.#done)]]);
    for (const [name, accumulator] of this.#accumulators())
      for (const [part, array] of Object.entries(accumulator.state)) state.set(`${name}.${part}`, array);
    return state;
  }

  /** Goes on where another evaluation with the same options was. Throws a `FormatError` for a state of others. */
  restore(saved: (name: string) => Float64Array | undefined): void {
    const [done] = saved('done') ?? [];
    if (done === undefined || !(done <= this.#options.images))
      throw new FormatError(`the saved state is of ${done} images; expected at most ${this.#options.images}`);
    for (const [name, accumulator] of this.#accumulators())
      restoreState(accumulator, (part) => saved(`${name}.${part}`));
    this.#done = done;
  }

  #accumulators(): [string, Accumulator][] {
    const all: [string, Accumulator | undefined][] = [
      ['psnr', this.#psnr],
      ['identical', this.#identical],
      ['ssim', this.#ssim],
      ['relativeL2', this.#relativeL2],
      ['accuracy', this.#accuracy],
      ['clip', this.#clip],
      ['inceptionScore', this.#inceptionScore],
      ['features', this.#features],
      ['spatial', this.#spatial],
    ];
    return all.filter((entry): entry is [string, Accumulator] => entry[1] !== undefined);
  }

  #compare(sample: Float32Array, whole: Float32Array): Comparison {
    const { channels, height, width } = this.#options;
    const norms = squaredNorms(sample, whole);
    // Latents are not bounded by a peak.
    if (!isPictureSpace(channels)) return { ...UNCOMPARED, ...norms };
    const decibels = psnr(sample, whole);
    const isLarge = Math.min(height, width) >= SSIM_SIDE;
    const likeness = isLarge ? ssim(sample, whole, { channels, height, width }) : Number.NaN;
    return { ...norms, psnr: decibels, ssim: likeness };
  }
}

type Comparison = Pick<MeasuredImage, 'psnr' | 'ssim' | 'difference' | 'reference'>;

const UNCOMPARED: Comparison = {
  psnr: Number.NaN,
  ssim: Number.NaN,
  difference: Number.NaN,
  reference: Number.NaN,
};
const NOTHING = new Float32Array(0);

async function distance(
  images: GaussianAccumulator | undefined,
  reference: Gaussian | undefined,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  return images && reference && frechetDistanceOnThread(images.gaussian(), reference, signal);
}

function largest(values: Float32Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}

/** Without the fields that are undefined. */
function defined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
