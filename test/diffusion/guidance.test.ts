import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bothBranches, guide } from '../../src/diffusion/guidance.js';
import { splitPrediction } from '../../src/diffusion/prediction.js';
import { ArgumentError } from '../../src/errors.js';
import { assertClose } from '../support/compare.js';
import { goldenFiles, openGolden } from '../support/golden.js';

/** Two images, two channels and their variances, one pixel: [image][channel], conditional rows first. */
const OUTPUT = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 10, 20, 30, 40, 50, 60, 70, 80);
const GEOMETRY = { images: 2, channels: 2, pixels: 1, learnSigma: true };

/** Channels that Meta's DiT guides. */
const GUIDED = 3;

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

describe("guidance against Meta's", () => {
  const files = goldenFiles(/\.forward\.safetensors$/).filter((name) => {
    using golden = openGolden(name);
    return golden.tensors.has('cfg_out_first3') && golden.entry('cfg_x').shape[1]! > GUIDED;
  });

  test('the golden folder has guided outputs', () => assert.ok(files.length > 0));
  for (const file of files)
    test(file, () => {
      using golden = openGolden(file);
      const [rows, channels, height, width] = golden.entry('cfg_x').shape as [number, number, number, number];
      const outChannels = golden.entry('cfg_out_all').shape[1]!;
      const geometry = {
        images: rows / 2,
        channels,
        pixels: height * width,
        learnSigma: outChannels > channels,
      };
      const scale = golden.read('cfg_scale')[0]!;
      const first3 = golden.read('cfg_out_first3');
      const all = golden.read('cfg_out_all');
      // Beyond the guided three channels the rows are the network's own, conditional and unconditional:
      // guided there, they must give what guidance on all channels gave.
      const plane = geometry.pixels;
      const beyond = (output: Float32Array) =>
        Float32Array.from({ length: rows * (channels - GUIDED) * plane }, (_, i) => {
          const perRow = (channels - GUIDED) * plane;
          const row = Math.floor(i / perRow);
          return output[(row * outChannels + GUIDED) * plane + (i % perRow)]!;
        });
      const own = { ...geometry, channels: channels - GUIDED, learnSigma: false };
      const { noise } = guide(beyond(first3), { ...own, scale, guidanceChannels: own.channels });
      assertClose(noise, beyond(all).subarray(0, noise.length), 1e-6, 'channels beyond the third');
      assert.notDeepEqual(noise, beyond(first3).subarray(0, noise.length));
      // The guided channels are the same in both halves, so guiding again changes nothing, and the rest of
      // the conditional rows comes out as it is.
      const again = guide(first3, { ...geometry, scale, guidanceChannels: GUIDED });
      const conditional = splitPrediction(first3.subarray(0, first3.length / 2), geometry);
      assertClose(again.noise, conditional.noise, 1e-6, 'noise');
      assert.deepEqual(again.variance, conditional.variance);
    });
});
