/** Pictures of one size made from those of another, as diffusers' `resize_and_crop_tensor` does. */
import type { Planes } from '../engine/tiles.js';
import type { Geometry } from '../models/network.js';

/**
 * Planes that are enlarged or made smaller until they cover the size, bilinearly between the centres of pixels (PyTorch's
 * `interpolate` without `align_corners` and without antialiasing), then cropped in the middle.
 */
export function resizeAndCrop(planes: Planes, { height, width }: Geometry): Planes {
  if (planes.height === height && planes.width === width) return planes;
  const ratio = Math.max(height / planes.height, width / planes.width);
  const rows = samples(planes.height, ratio, height);
  const columns = samples(planes.width, ratio, width);
  const data = new Float32Array(planes.channels * height * width);
  const size = planes.height * planes.width;
  let place = 0;
  for (let channel = 0; channel < planes.channels; channel++)
    for (const row of rows) {
      const above = channel * size + row.first * planes.width;
      const below = channel * size + row.second * planes.width;
      for (const { first, second, share } of columns) {
        const upper = planes.data[above + first]! * (1 - share) + planes.data[above + second]! * share;
        const lower = planes.data[below + first]! * (1 - share) + planes.data[below + second]! * share;
        data[place++] = upper * (1 - row.share) + lower * row.share;
      }
    }
  return { channels: planes.channels, height, width, data };
}

interface Sample {
  readonly first: number;
  readonly second: number;
  /** Share of the second. */
  readonly share: number;
}

/** Where the pixels of a side lie between those of the side before, the ones that are cropped left out. */
function samples(from: number, ratio: number, to: number): Sample[] {
  // Rounding may leave one pixel less than is needed.
  const resized = Math.max(Math.trunc(from * ratio), to);
  const cropped = Math.floor((resized - to) / 2);
  return Array.from({ length: to }, (_, i) => {
    const place = Math.max((i + cropped + 0.5) * (from / resized) - 0.5, 0);
    const first = Math.min(Math.floor(place), from - 1);
    return { first, second: Math.min(first + 1, from - 1), share: place - first };
  });
}
