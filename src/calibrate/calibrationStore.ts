/** Where a calibration keeps what it has, so that one that was ended goes on. */
import { FormatError } from '../errors.js';

/** Numbers by name, in parts that are written whole or not at all. */
export interface CalibrationStore {
  save(values: ReadonlyMap<string, Float64Array>, part: string): void;
  /** Calls `restore` with the values of a part, or returns false where it was not saved. */
  load(restore: (saved: (name: string) => Float64Array | undefined) => void, part: string): boolean;
}

/** As `store.load`, of which all that is asked for must be there. @throws FormatError naming what is not. */
export function loadWhole(
  store: CalibrationStore,
  part: string,
  restore: (saved: (name: string) => Float64Array) => void,
): boolean {
  return store.load(
    (saved) =>
      restore((name) => {
        const values = saved(name);
        if (!values) throw new FormatError(`what was kept of the calibration (${part}) lacks ${name}`);
        return values;
      }),
    part,
  );
}
