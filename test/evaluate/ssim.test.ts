import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ArgumentError } from '../../src/errors.js';
import { ssim } from '../../src/evaluate/metrics/ssim.js';
import { Random } from '../support/random.js';

const size = { channels: 2, height: 17, width: 14 };
const pixels = size.channels * size.height * size.width;
const random = new Random(3);
const image = Float32Array.from({ length: pixels }, () => 2.4 * random.uniform() - 1.2);
const noisy = image.map((value) => value + 0.3 * random.normal());

/** Straight from the paper: a weighted mean, variance and covariance in every window, pixel values 0 to 255. */
function plainSsim(a: Float32Array, b: Float32Array): number {
  const [c1, c2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];
  const grey = (value: number) => 127.5 * (Math.min(1, Math.max(-1, value)) + 1);
  const scores: number[] = [];
  for (let c = 0; c < size.channels; c++)
    for (let top = 0; top + 11 <= size.height; top++)
      for (let left = 0; left + 11 <= size.width; left++) {
        const taps: { w: number; x: number; y: number }[] = [];
        for (let i = 0; i < 11; i++)
          for (let j = 0; j < 11; j++) {
            const place = (c * size.height + top + i) * size.width + left + j;
            const w = Math.exp(-((i - 5) ** 2 + (j - 5) ** 2) / (2 * 1.5 ** 2));
            taps.push({ w, x: grey(a[place]!), y: grey(b[place]!) });
          }
        const total = taps.reduce((sum, { w }) => sum + w, 0);
        const mean = (of: (tap: (typeof taps)[0]) => number) =>
          taps.reduce((sum, tap) => sum + tap.w * of(tap), 0) / total;
        const [mx, my] = [mean(({ x }) => x), mean(({ y }) => y)];
        const [vx, vy] = [mean(({ x }) => (x - mx) ** 2), mean(({ y }) => (y - my) ** 2)];
        const cov = mean(({ x, y }) => (x - mx) * (y - my));
        scores.push(((2 * mx * my + c1) * (2 * cov + c2)) / ((mx ** 2 + my ** 2 + c1) * (vx + vy + c2)));
      }
  return scores.reduce((a, b) => a + b, 0) / scores.length;
}

describe('SSIM', () => {
  test('as the paper writes it', () => {
    const score = ssim(noisy, image, size);
    assert.ok(Math.abs(score - plainSsim(noisy, image)) < 1e-10);
    assert.ok(score > 0 && score < 1);
  });

  test('1 for equal images, the same both ways, clamped like pictures', () => {
    assert.ok(Math.abs(ssim(image, image, size) - 1) < 1e-12);
    assert.ok(Math.abs(ssim(image, noisy, size) - ssim(noisy, image, size)) < 1e-12);
    const clamped = image.map((value) => Math.min(1, Math.max(-1, value)));
    assert.equal(ssim(image, noisy, size), ssim(clamped, noisy, size));
  });

  test('of two flat images only the luminance differs', () => {
    const flat = (grey: number) => new Float32Array(pixels).fill(2 * grey - 1);
    const expected = (2 * 0.25 * 0.75 + 1e-4) / (0.25 ** 2 + 0.75 ** 2 + 1e-4);
    assert.ok(Math.abs(ssim(flat(0.25), flat(0.75), size) - expected) < 1e-9);
  });

  test('an image smaller than the window, or of another size, is refused', () => {
    const refused = (argument: string, action: () => unknown) =>
      assert.throws(action, (error: Error) => error instanceof ArgumentError && error.argument === argument);
    refused('image', () => ssim(image, image, { channels: 1, height: 10, width: 40 }));
    refused('image', () => ssim(image.subarray(1), image, size));
    refused('reference', () => ssim(image, image.subarray(1), size));
  });
});
