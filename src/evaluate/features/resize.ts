import type { Pictures } from '../metrics/pictures.js';

/**
 * Bilinear, pixel centres at halves, no smoothing when it shrinks, edges repeated: as `interpolate` of PyTorch
 * does by default, with which the field's ports of InceptionV3 resize.
 */
export function resize({ data, shape }: Pictures, height: number, width: number): Pictures {
  const [images, channels, fromHeight, fromWidth] = shape;
  if (fromHeight === height && fromWidth === width) return { data, shape };
  const rows = taps(fromHeight, height);
  const columns = taps(fromWidth, width);
  const out = new Float32Array(images * channels * height * width);
  let place = 0;
  for (let plane = 0; plane < images * channels; plane++) {
    const first = plane * fromHeight * fromWidth;
    for (const { low, high, share } of rows) {
      const [upper, lower] = [first + low * fromWidth, first + high * fromWidth];
      for (const column of columns) {
        const across = (row: number) =>
          data[row + column.low]! * (1 - column.share) + data[row + column.high]! * column.share;
        out[place++] = across(upper) * (1 - share) + across(lower) * share;
      }
    }
  }
  return { data: out, shape: [images, channels, height, width] };
}

/** For every place of the result the two it lies between, and the second one's share. */
function taps(from: number, to: number): { low: number; high: number; share: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const place = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const low = Math.min(Math.floor(place), from - 1);
    return { low, high: Math.min(low + 1, from - 1), share: place - low };
  });
}
