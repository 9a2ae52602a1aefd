import { IncacheError } from '../../errors.js';
import type { Accumulator } from './accumulator.js';

/** The mean of numbers that come one at a time. */
export class Mean implements Accumulator {
  readonly state = { count: new Float64Array(1), sum: new Float64Array(1) };

  add(value: number): void {
    this.state.count[0]! += 1;
    this.state.sum[0]! += value;
  }

  /** Throws an `IncacheError` before the first number. */
  get value(): number {
    const [count] = this.state.count;
    if (count === 0) throw new IncacheError('nothing has been added; a mean needs at least one number');
    return this.state.sum[0]! / count!;
  }
}
