/** A set of feature vectors summed up as a Gaussian: its mean and covariance, in float64. */
import { ArgumentError, IncacheError, requireInteger } from '../../errors.js';
import type { Accumulator } from './accumulator.js';

export interface Gaussian {
  /** d numbers. */
  readonly mean: Float64Array;
  /** d x d, symmetric, row-major. */
  readonly covariance: Float64Array;
}

/** Images that a covariance of `features` features takes to be of full rank. */
export function imagesForCovariance(features: number): number {
  return features + 1;
}

/**
 * Mean and covariance of vectors that come one at a time, in the memory of one covariance (Welford, "Note on a
 * method for calculating corrected sums of squares and products", Technometrics 4, 1962). The result depends on
 * the order of the vectors in the last bits, and on nothing else.
 */
export class GaussianAccumulator implements Accumulator {
  /** moment: the lower triangle of the sum of (x - mean)(x - mean)^T, in rows of a d x d matrix. */
  readonly state: {
    readonly count: Float64Array;
    readonly mean: Float64Array;
    readonly moment: Float64Array;
  };
  readonly #difference: Float64Array;

  constructor(readonly features: number) {
    requireInteger('features', features, 1);
    this.state = {
      count: new Float64Array(1),
      mean: new Float64Array(features),
      moment: new Float64Array(features ** 2),
    };
    this.#difference = new Float64Array(features);
  }

  get count(): number {
    return this.state.count[0]!;
  }

  /** Throws an `ArgumentError` for a vector of another length, an `IncacheError` for one that is not finite. */
  add(vector: ArrayLike<number>): void {
    const { features } = this;
    if (vector.length !== features)
      throw new ArgumentError('vector', `${vector.length} features`, `${features}, as those before`);
    for (let i = 0; i < features; i++)
      if (!Number.isFinite(vector[i]))
        throw new IncacheError(`feature ${i} of image ${this.count} is ${vector[i]}`);
    const { mean } = this.state;
    const before = this.count;
    const count = before + 1;
    this.state.count[0] = count;
    for (let i = 0; i < features; i++) {
      this.#difference[i] = vector[i]! - mean[i]!;
      mean[i]! += this.#difference[i]! / count;
    }
    this.#addOuter(before / count);
  }

  /**
   * Takes in what another one has seen (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for
   * computing sample variances", 1979). Throws an `ArgumentError` for one of another dimension.
   */
  merge(other: GaussianAccumulator): void {
    if (other.features !== this.features)
      throw new ArgumentError('other', `${other.features} features`, `${this.features}, as here`);
    if (other.count === 0) return;
    const { mean, moment } = this.state;
    const [before, count] = [this.count, this.count + other.count];
    for (let i = 0; i < this.features; i++) {
      this.#difference[i] = other.state.mean[i]! - mean[i]!;
      mean[i]! += (this.#difference[i]! * other.count) / count;
    }
    for (let i = 0; i < moment.length; i++) moment[i]! += other.state.moment[i]!;
    this.#addOuter((before * other.count) / count);
    this.state.count[0] = count;
  }

  /**
   * The mean, and the covariance with n - 1 in the denominator as the field's evaluators have it.
   * Throws an `ArgumentError` that says how many images are needed when the covariance would not be of full rank.
   */
  gaussian(): Gaussian {
    requireImages(this.count, this.features);
    const { features } = this;
    const covariance = new Float64Array(features ** 2);
    for (let i = 0; i < features; i++)
      for (let j = 0; j <= i; j++) {
        const value = this.state.moment[i * features + j]! / (this.count - 1);
        covariance[i * features + j] = value;
        covariance[j * features + i] = value;
      }
    return { mean: this.state.mean.slice(), covariance };
  }

  /** moment += scale * difference difference^T */
  #addOuter(scale: number): void {
    const { features } = this;
    const { moment } = this.state;
    const difference = this.#difference;
    for (let i = 0; i < features; i++) {
      const factor = scale * difference[i]!;
      if (factor === 0) continue;
      const row = i * features;
      for (let j = 0; j <= i; j++) moment[row + j]! += factor * difference[j]!;
    }
  }
}

/** Throws an `ArgumentError` when `images` images are too few for a covariance of `features` features. */
export function requireImages(images: number, features: number): void {
  const least = imagesForCovariance(features);
  if (images < least)
    throw new ArgumentError('images', images, `at least ${least} for a covariance of ${features} features`);
}
