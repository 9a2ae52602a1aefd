/** Running sums that can be put down and taken up again. */
import { FormatError } from '../../errors.js';

export interface Accumulator {
  /**
   * All that the result depends on, by name. The arrays are the accumulator's own: what is copied out of them and
   * back later goes on bit for bit where it was.
   */
  readonly state: Readonly<Record<string, Float64Array>>;
}

/** Copies a saved state back. Throws a `FormatError` that names the array which is missing or of another size. */
export function restoreState(
  accumulator: Accumulator,
  saved: (name: string) => Float64Array | undefined,
): void {
  for (const [name, array] of Object.entries(accumulator.state)) {
    const values = saved(name);
    if (values?.length !== array.length)
      throw new FormatError(
        `the saved state has ${values ? `${values.length} values` : 'nothing'} for '${name}'; expected ${array.length}`,
      );
    array.set(values);
  }
}
