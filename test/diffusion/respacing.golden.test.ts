import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { respace } from '../../src/diffusion/noiseSchedule.js';
import { assertClose } from '../support/compare.js';
import { goldenFiles, openGolden, requireKind } from '../support/golden.js';

describe("processes respaced by Meta's code", () => {
  const files = goldenFiles(/\.ddim\d+\.safetensors$/).filter((file) =>
    openGolden(file).tensors.has('timesteps'),
  );

  requireKind('timesteps', files);
  for (const file of files)
    test(`of ${file}`, () => {
      using golden = openGolden(file);
      const expected = golden.readIntegers('timesteps');
      const { timesteps, alphasCumprod } = respace(expected.length);
      assert.deepEqual([...timesteps], expected);
      assertClose(alphasCumprod, golden.readFloat64('alphas_cumprod'), 1e-12, 'alphas_cumprod');
    });
});
