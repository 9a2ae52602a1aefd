/**
 * A searched schedule, after CEM (Shao et al., arXiv 2512.23258): the error of caching at every (step, gap) is measured
 * once, and dynamic programming finds which steps to compute in full, and which of the others to calibrate rather than
 * reuse, so that the sum of errors is least under a budget of MACs.
 * Beyond the paper, errors may be those of extrapolation from several computed steps; then these are searched for it.
 */
import { Budgeted, type Parts } from './budgeted.js';

export class Searched extends Budgeted {
  readonly name = 'searched';

  protected parts(sublayers: number): Parts {
    return {
      partOf: new Array<number>(sublayers).fill(0),
      error: (kind, step, past) => this.errors.stepError(kind, step, past),
    };
  }
}
