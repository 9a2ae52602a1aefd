/** Sensitivities of channels (METHOD: Sensitivity of one channel). */

import { requireLength } from '../cache/data/checks.js';
import { ArgumentError, IncacheError, requireInteger } from '../errors.js';

const EPSILON = 1e-6;
const POWER = 0.5;
/** No channel counts less than this part of the most sensitive one. */
const LARGEST_RATIO = 1000;

/**
 * Gathers the sensitivities of the channels of one layer's input or output over the batches of a calibration
 * set. The authors' code does this in float32; here it is float64.
 */
export class SensitivityAccumulator {
  readonly #sum: Float64Array;
  readonly #magnitudes: Float64Array;
  #batches = 0;
  #images = 0;

  constructor(readonly channels: number) {
    requireInteger('channels', channels, 1);
    this.#sum = new Float64Array(channels);
    this.#magnitudes = new Float64Array(channels);
  }

  /**
   * means: images x channels, for each image the mean over tokens of |value|, or of |difference| for the `cd`
   * methods. Batches weigh the same whatever their size.
   *
   * @throws ArgumentError unless there are images * channels means; IncacheError for one that is not finite.
   */
  addBatch(means: ArrayLike<number>, images: number): void {
    requireInteger('images', images, 1);
    requireLength('means', means, images * this.channels);
    requireFiniteMeans(means, this.channels);
    for (let image = 0; image < images; image++) this.#addImage(means, image * this.channels, 1 / images);
    this.#batches++;
    this.#images += images;
  }

  /** The sums so far, for `restore`. */
  state(): { sum: Float64Array; magnitudes: Float64Array; counts: Float64Array } {
    const counts = Float64Array.of(this.#batches, this.#images);
    return { sum: this.#sum, magnitudes: this.#magnitudes, counts };
  }

  /** Goes on from the sums of another accumulator of as many channels. @throws ArgumentError for another number. */
  restore({ sum, magnitudes, counts }: ReturnType<SensitivityAccumulator['state']>): void {
    requireLength('sum', sum, this.channels);
    requireLength('magnitudes', magnitudes, this.channels);
    requireLength('counts', counts, 2);
    this.#sum.set(sum);
    this.#magnitudes.set(magnitudes);
    [this.#batches, this.#images] = counts as unknown as [number, number];
  }

  /** Forgets what was added. */
  clear(): void {
    this.#sum.fill(0);
    this.#magnitudes.fill(0);
    [this.#batches, this.#images] = [0, 0];
  }

  /** The mean over images and tokens of a channel's |value|, before anything is done with it. @throws as `finish`. */
  magnitudes(parts = 1): Float64Array[] {
    this.#requireMeasured();
    return this.#split(
      parts,
      this.#magnitudes.map((sum) => sum / this.#images),
    );
  }

  /**
   * One sensitivity a channel, before the 1e-6 that is added at use; as `parts` vectors, of which each is
   * clamped by its own largest: the outputs of a fused qkv have three.
   *
   * @throws IncacheError before the first batch; ArgumentError unless `parts` divides the channels.
   */
  finish(parts = 1): Float64Array[] {
    this.#requireMeasured();
    const powers = this.#sum.map((sum) => (sum / this.#batches) ** POWER);
    return this.#split(parts, powers).map(clamped);
  }

  #requireMeasured(): void {
    if (this.#batches === 0)
      throw new IncacheError('no batch has been measured; nothing is known of the channels');
  }

  #split(parts: number, values: Float64Array): Float64Array[] {
    requireInteger('parts', parts, 1);
    if (this.channels % parts !== 0)
      throw new ArgumentError('parts', parts, `a divisor of ${this.channels} channels`);
    const size = this.channels / parts;
    return Array.from({ length: parts }, (_, part) => values.subarray(part * size, (part + 1) * size));
  }

  /** Adds `weight` times the image's means, moved to the range 0 (just above it) to 1. */
  #addImage(means: ArrayLike<number>, start: number, weight: number): void {
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < this.channels; c++) {
      least = Math.min(least, means[start + c]!);
      most = Math.max(most, means[start + c]!);
    }
    const range = most - least + EPSILON;
    for (let c = 0; c < this.channels; c++) {
      this.#sum[c]! += (weight * (means[start + c]! - least + EPSILON)) / range;
      this.#magnitudes[c]! += means[start + c]!;
    }
  }
}

function clamped(sensitivities: Float64Array): Float64Array {
  const floor = sensitivities.reduce((most, value) => Math.max(most, value), 0) / LARGEST_RATIO;
  return sensitivities.map((value) => Math.max(value, floor));
}

function requireFiniteMeans(means: ArrayLike<number>, channels: number): void {
  for (let i = 0; i < means.length; i++) {
    if (Number.isFinite(means[i])) continue;
    const [image, channel] = [Math.floor(i / channels), i % channels];
    throw new IncacheError(`the mean of channel ${channel} of image ${image} of the batch is ${means[i]}`);
  }
}
