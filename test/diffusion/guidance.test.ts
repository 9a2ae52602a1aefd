import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bothBranches, guide } from '../../src/diffusion/guidance.js';
import { ArgumentError } from '../../src/errors.js';

/** Two images, two channels and their variances, one pixel: [image][channel], conditional rows first. */
const OUTPUT = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 10, 20, 30, 40, 50, 60, 70, 80);
const GEOMETRY = { images: 2, channels: 2, pixels: 1, learnSigma: true };

test('guidance moves the noise from the unconditional past the conditional one', () => {
  const { noise, variance } = guide(OUTPUT, { ...GEOMETRY, scale: 3, guidanceChannels: 2 });
  assert.deepEqual([...noise], [10 + 3 * (1 - 10), 20 + 3 * (2 - 20), 50 + 3 * (5 - 50), 60 + 3 * (6 - 60)]);
  assert.deepEqual([...variance!], [3, 4, 7, 8]);
});

test('channels beyond the guided ones are the conditional rows', () => {
  const { noise } = guide(OUTPUT, { ...GEOMETRY, scale: 3, guidanceChannels: 1 });
  assert.deepEqual([...noise], [10 + 3 * (1 - 10), 2, 50 + 3 * (5 - 50), 6]);
});

test('without learned sigma there is no variance', () => {
  const { noise, variance } = guide(Float32Array.of(1, 2, 3, 4), {
    images: 1,
    channels: 2,
    pixels: 1,
    learnSigma: false,
    scale: 2,
    guidanceChannels: 2,
  });
  assert.deepEqual([...noise], [-1, 0]);
  assert.equal(variance, undefined);
});

test('an output of another size is refused', () => {
  assert.throws(
    () => guide(OUTPUT.subarray(1), { ...GEOMETRY, scale: 1, guidanceChannels: 1 }),
    ArgumentError,
  );
});

test('both branches see the same latents', () => {
  assert.deepEqual(bothBranches(Float32Array.of(1, 2)), Float32Array.of(1, 2, 1, 2));
});

test('more guided channels than there are, and a scale that is no number, are refused', () => {
  for (const guidanceChannels of [-1, 3, 0.5])
    assert.throws(
      () => guide(OUTPUT, { ...GEOMETRY, scale: 1, guidanceChannels }),
      /^ArgumentError: guidanceChannels/,
    );
  assert.throws(
    () => guide(OUTPUT, { ...GEOMETRY, scale: Number.NaN, guidanceChannels: 1 }),
    /^ArgumentError: scale/,
  );
});
