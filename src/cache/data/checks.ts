/** Checks of lists of numbers. */
import { ArgumentError, IncacheError } from '../../errors.js';

export function requireLength(name: string, values: ArrayLike<number>, length: number): void {
  if (values.length !== length) throw new ArgumentError(`${name}.length`, values.length, String(length));
}

/** @throws IncacheError naming `name` and the place of the first NaN or infinite value. */
export function requireFiniteValues(name: string, values: Float32Array | Float64Array): void {
  // A loop, not findIndex: the factors of a large model are 10^8 numbers.
  for (let place = 0; place < values.length; place++) {
    if (!Number.isFinite(values[place]))
      throw new IncacheError(`${name} holds ${values[place]} at element ${place}; expected finite numbers`);
  }
}
