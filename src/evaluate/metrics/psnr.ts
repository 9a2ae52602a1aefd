import { ArgumentError } from '../../errors.js';

/** Peak of images in [-1, 1]. */
const PEAK = 2;

/**
 * Peak signal-to-noise ratio in dB of one image against a reference, both in [-1, 1] after clamping (peak 2).
 * Infinite for equal images.
 */
export function psnr(image: Float32Array, reference: Float32Array): number {
  if (image.length !== reference.length)
    throw new ArgumentError('image', `${image.length} values`, `${reference.length}, as the reference has`);
  let squares = 0;
  for (let i = 0; i < image.length; i++) squares += (clamp(image[i]!) - clamp(reference[i]!)) ** 2;
  return 10 * Math.log10(PEAK ** 2 / (squares / image.length));
}

/** Mean of the PSNR over the images of a batch that differ from their reference; infinite when none does. */
export function meanPsnr(batch: Float32Array, reference: Float32Array, images: number): number {
  const size = batch.length / images;
  const differing = Array.from({ length: images }, (_, i) =>
    psnr(batch.subarray(i * size, (i + 1) * size), reference.subarray(i * size, (i + 1) * size)),
  ).filter((decibels) => decibels !== Number.POSITIVE_INFINITY);
  if (differing.length === 0) return Number.POSITIVE_INFINITY;
  return differing.reduce((sum, decibels) => sum + decibels, 0) / differing.length;
}

function clamp(value: number): number {
  return Math.min(1, Math.max(-1, value));
}
