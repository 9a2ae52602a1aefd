import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { guide } from '../../src/diffusion/guidance.js';
import { splitPrediction } from '../../src/diffusion/prediction.js';
import { assertClose } from '../support/compare.js';
import { goldenFiles, openGolden, requireKind } from '../support/golden.js';

/** Channels that Meta's DiT guides. */
const GUIDED = 3;

describe("guidance against Meta's", () => {
  const files = goldenFiles(/\.forward\.safetensors$/).filter((name) => {
    using golden = openGolden(name);
    return golden.tensors.has('cfg_out_first3') && golden.entry('cfg_x').shape[1]! > GUIDED;
  });

  requireKind('guided outputs', files);
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
