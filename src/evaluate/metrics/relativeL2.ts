/** Relative L2 error |a - b| / |b|: of two vectors, or of many pairs taken as one long vector. */
import { ArgumentError } from '../../errors.js';
import type { Accumulator } from './accumulator.js';

/** |values - reference| / |reference|; 0 for equal vectors, infinite for others when the reference is zero. */
export function relativeL2(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  const error = new RelativeL2();
  error.add(values, reference);
  return error.value;
}

/** Of the difference of two vectors, and of the second of them. */
export interface SquaredNorms {
  readonly difference: number;
  readonly reference: number;
}

/** Both must be of one length. */
export function squaredNorms(values: ArrayLike<number>, reference: ArrayLike<number>): SquaredNorms {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < reference.length; i++) {
    difference += (values[i]! - reference[i]!) ** 2;
    norm += reference[i]! ** 2;
  }
  return { difference, reference: norm };
}

export class RelativeL2 implements Accumulator {
  readonly state = {
    pairs: new Float64Array(1),
    difference: new Float64Array(1),
    reference: new Float64Array(1),
  };

  get pairs(): number {
    return this.state.pairs[0]!;
  }

  /** Throws an `ArgumentError` unless both are of one length. */
  add(values: ArrayLike<number>, reference: ArrayLike<number>): void {
    if (values.length !== reference.length)
      throw new ArgumentError('values', `${values.length} long`, `${reference.length}, as the reference is`);
    this.addNorms(squaredNorms(values, reference));
  }

  /** Adds a pair of which only its norms are known. */
  addNorms({ difference, reference }: SquaredNorms): void {
    this.state.pairs[0]! += 1;
    this.state.difference[0]! += difference;
    this.state.reference[0]! += reference;
  }

  /** The value over all pairs so far; 0 when there is no difference. */
  get value(): number {
    const [difference] = this.state.difference;
    return difference === 0 ? 0 : Math.sqrt(difference! / this.state.reference[0]!);
  }
}
