/**
 * Structural similarity (Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
 * structural similarity", IEEE Transactions on Image Processing 13, 2004).
 */
import { ArgumentError } from '../../errors.js';

export interface PictureSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Window of section III-B: 11 x 11, Gaussian of 1.5 pixels, of sum 1. It is the product of two of one dimension. */
const WINDOW = 11;
const SIGMA = 1.5;
const WEIGHTS = gaussian(WINDOW, SIGMA);

/** C1 = (K1 L)^2 and C2 = (K2 L)^2 for a dynamic range of L = 1. */
const C1 = 0.01 ** 2;
const C2 = 0.03 ** 2;

/**
 * Mean SSIM (equations 13 and 17) of one image against a reference, both channels x height x width in [-1, 1]
 * after clamping: over the places at which the window lies inside the image, then over channels. 1 for equal
 * images. Throws an `ArgumentError` for images smaller than the window or not of that size.
 */
export function ssim(
  image: Float32Array,
  reference: Float32Array,
  { channels, height, width }: PictureSize,
): number {
  if (height < WINDOW || width < WINDOW)
    throw new ArgumentError(
      'image',
      `${height} x ${width}`,
      `at least ${WINDOW} x ${WINDOW}, the window of SSIM`,
    );
  for (const [name, values] of Object.entries({ image, reference }))
    if (values.length !== channels * height * width)
      throw new ArgumentError(
        name,
        `${values.length} values`,
        `${channels * height * width}, which are ${channels} x ${height} x ${width}`,
      );
  const size = height * width;
  let sum = 0;
  for (let c = 0; c < channels; c++) {
    const plane = (values: Float32Array) => unitRange(values.subarray(c * size, (c + 1) * size));
    sum += planeSsim(plane(image), plane(reference), height, width);
  }
  return sum / channels;
}

/** The luminance term depends on where zero lies: black is 0, as in pictures. */
function unitRange(values: Float32Array): Float64Array {
  return new Float64Array(values).map((value) => (Math.min(1, Math.max(-1, value)) + 1) / 2);
}

function planeSsim(x: Float64Array, y: Float64Array, height: number, width: number): number {
  const windowed = (value: (i: number) => number) =>
    filtered(
      x.map((_, i) => value(i)),
      height,
      width,
    );
  const meanX = windowed((i) => x[i]!);
  const meanY = windowed((i) => y[i]!);
  const squareX = windowed((i) => x[i]! ** 2);
  const squareY = windowed((i) => y[i]! ** 2);
  const product = windowed((i) => x[i]! * y[i]!);
  let sum = 0;
  for (let i = 0; i < meanX.length; i++) {
    const [mx, my] = [meanX[i]!, meanY[i]!];
    const variances = squareX[i]! - mx ** 2 + squareY[i]! - my ** 2;
    const covariance = product[i]! - mx * my;
    sum += ((2 * mx * my + C1) * (2 * covariance + C2)) / ((mx ** 2 + my ** 2 + C1) * (variances + C2));
  }
  return sum / meanX.length;
}

/** Weighted by the window wherever it fits: (height - 10) x (width - 10). */
function filtered(plane: Float64Array, height: number, width: number): Float64Array {
  const across = width - WINDOW + 1;
  const down = height - WINDOW + 1;
  const rows = new Float64Array(height * across);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < across; x++) rows[y * across + x] = weighted(plane, y * width + x, 1);
  const out = new Float64Array(down * across);
  for (let i = 0; i < out.length; i++) out[i] = weighted(rows, i, across);
  return out;
}

function weighted(values: Float64Array, first: number, stride: number): number {
  let sum = 0;
  for (let k = 0; k < WINDOW; k++) sum += WEIGHTS[k]! * values[first + k * stride]!;
  return sum;
}

function gaussian(size: number, sigma: number): Float64Array {
  const weights = Float64Array.from({ length: size }, (_, i) =>
    Math.exp(-((i - (size - 1) / 2) ** 2) / (2 * sigma ** 2)),
  );
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}
