/** Images as metrics take them. */
import type { Pictures } from '../../calibrate/pictureValues.js';
import { ArgumentError } from '../../errors.js';

export type { Pictures };

/** Throws an `ArgumentError` unless the data fills its shape. */
export function requirePictures({ data, shape }: Pictures): void {
  const expected = shape.reduce((product, size) => product * size, 1);
  if (data.length !== expected)
    throw new ArgumentError('pictures', `${data.length} values`, `${expected}, of shape [${shape}]`);
}

/** Images first to first + count - 1; the data is shared. */
export function slicePictures({ data, shape }: Pictures, first: number, count: number): Pictures {
  const [, channels, height, width] = shape;
  const size = channels * height * width;
  return {
    data: data.subarray(first * size, (first + count) * size),
    shape: [count, channels, height, width],
  };
}
