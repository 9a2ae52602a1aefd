import { IncacheError } from '../errors.js';

/** Throws an `IncacheError` that names the tensor and the place of its first NaN or infinite value. */
export function requireFinite(name: string, values: Float32Array): void {
  const place = values.findIndex((value) => !Number.isFinite(value));
  if (place >= 0)
    throw new IncacheError(
      `weight '${name}' holds ${values[place]} at element ${place}; expected finite numbers`,
    );
}
