/**
 * Inception score (Salimans et al., "Improved techniques for training GANs", arXiv 1606.03498, section 4):
 * exp(E_x KL(p(y|x) || p(y))), the mean over splits of the images, as the field reports it.
 */
import { ArgumentError, IncacheError, requireInteger } from '../../errors.js';
import type { Accumulator } from './accumulator.js';

export interface InceptionScoreOptions {
  readonly classes: number;
  /** How many images there will be: split s takes images s n / splits to (s + 1) n / splits, rounded down. */
  readonly images: number;
  /** Default 10. */
  readonly splits?: number;
}

export interface InceptionScoreResult {
  readonly mean: number;
  /** Over the splits; 0 for one split. */
  readonly standardDeviation: number;
}

export const DEFAULT_SPLITS = 10;

export class InceptionScore implements Accumulator {
  /** By split: images, the sum of p ln p, and the sum of p for each class. */
  readonly state: {
    readonly counts: Float64Array;
    readonly negentropy: Float64Array;
    readonly sums: Float64Array;
  };
  readonly #options: Required<InceptionScoreOptions>;

  /** Throws an `ArgumentError` when there are fewer images than splits. */
  constructor({ classes, images, splits = DEFAULT_SPLITS }: InceptionScoreOptions) {
    requireInteger('classes', classes, 2);
    requireInteger('splits', splits, 1);
    requireInteger('images', images, 1);
    if (images < splits)
      throw new ArgumentError(
        'images',
        images,
        `at least ${splits}, one for each split of the inception score`,
      );
    this.#options = { classes, images, splits };
    this.state = {
      counts: new Float64Array(splits),
      negentropy: new Float64Array(splits),
      sums: new Float64Array(splits * classes),
    };
  }

  /** Adds image `image`'s probabilities of the classes. Throws an `ArgumentError` unless they are of sum 1. */
  add(image: number, probabilities: ArrayLike<number>): void {
    const { classes, images, splits } = this.#options;
    requireInteger('image', image, 0, images - 1);
    requireProbabilities(probabilities, classes);
    const split = Math.floor(((image + 1) * splits - 1) / images);
    const { counts, negentropy, sums } = this.state;
    counts[split]! += 1;
    for (let c = 0; c < classes; c++) {
      const p = probabilities[c]!;
      sums[split * classes + c]! += p;
      if (p > 0) negentropy[split]! += p * Math.log(p);
    }
  }

  /** Throws an `IncacheError` while a split has no image yet. */
  result(): InceptionScoreResult {
    const scores = Array.from(this.state.counts, (_, split) => this.#splitScore(split));
    const mean = scores.reduce((a, b) => a + b, 0) / scores.length;
    const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length;
    return { mean, standardDeviation: Math.sqrt(variance) };
  }

  /** KL(p || m) averaged over images is the mean of sum p ln p less sum m ln m, m the mean of p. */
  #splitScore(split: number): number {
    const { classes } = this.#options;
    const count = this.state.counts[split]!;
    if (count === 0) throw new IncacheError(`split ${split} of the inception score has no image yet`);
    let divergence = this.state.negentropy[split]! / count;
    for (let c = 0; c < classes; c++) {
      const m = this.state.sums[split * classes + c]! / count;
      if (m > 0) divergence -= m * Math.log(m);
    }
    return Math.exp(divergence);
  }
}

/** Probabilities from logits, in float64. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) most = Math.max(most, logits[i]!);
  const values = Float64Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = values.reduce((a, b) => a + b, 0);
  return values.map((value) => value / sum);
}

function requireProbabilities(probabilities: ArrayLike<number>, classes: number): void {
  if (probabilities.length !== classes)
    throw new ArgumentError('probabilities', `${probabilities.length} numbers`, `${classes}, one a class`);
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += probabilities[c]!;
  if (!(Math.abs(sum - 1) <= 1e-3)) throw new ArgumentError('sum of probabilities', sum, '1');
}
