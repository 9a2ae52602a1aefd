/**
 * A mixture in the manner of MixCache (arXiv 2508.12691), finer and decided beforehand: for every sublayer and step one
 * of compute, reuse and calibrate, so that the sum of the errors measured of each sublayer alone is least under a
 * budget of MACs. MixCache chooses between granularities while it samples.
 */
import { ArgumentError } from '../errors.js';
import { Budgeted, type Parts } from './budgeted.js';

export class Mixed extends Budgeted {
  readonly name = 'mixed';

  protected parts(sublayers: number): Parts {
    if (this.errors.order > 0)
      throw new ArgumentError(
        'errors',
        `of order ${this.errors.order}`,
        'errors of order 0, of which each sublayer has its own',
      );
    return {
      partOf: Array.from({ length: sublayers }, (_, sublayer) => sublayer),
      error: (kind, step, [gap], sublayer) => this.errors.sublayerError(kind, step, gap!, sublayer),
    };
  }
}
