/** DPM-Solver++ as its authors run it, alone: on recorded outputs of a network. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSampler } from '../../src/diffusion/sampler.js';
import { assertClose } from '../support/compare.js';
import { goldenFiles, openGolden, requireKind, toleranceOf } from '../support/golden.js';

const noNoise = (): Float32Array => {
  throw new Error('this sampler asks for no noise');
};

describe('DPM-Solver++ 2M fed with recorded network outputs', () => {
  const cases = goldenFiles(/\.dpmpp\.safetensors$/).flatMap((file) =>
    [...openGolden(file).tensors.keys()]
      .map((name) => /^(dpmpp2m_(\d+))_noise$/.exec(name))
      .flatMap((match) => (match ? [{ file, name: match[1]!, steps: Number(match[2]) }] : [])),
  );

  requireKind('runs of DPM-Solver++', cases);
  for (const { file, name, steps } of cases)
    test(`${file}, ${steps} steps`, () => {
      using golden = openGolden(file);
      const tolerance = toleranceOf(file, 1e-5);
      const noise = golden.read(`${name}_noise`);
      const intermediates = golden.read(`${name}_intermediates`);
      const modelT = golden.read(`${name}_model_t`);
      const sampler = createSampler('dpm++2m', { steps });
      const latents = golden.read('z');
      const size = latents.length;
      const rows = modelT.length / steps;
      const run = sampler.start(noNoise);
      for (let step = 0; step < steps; step++) {
        // The recorded timesteps are computed in float32, from a time between 0 and 1.
        for (const recorded of modelT.subarray(step * rows, (step + 1) * rows))
          assert.ok(Math.abs(sampler.timesteps[step]! - recorded) < 1000 * 2 ** -23, `timestep ${step}`);
        run.advance(step, latents, { noise: noise.subarray(step * size, (step + 1) * size) });
        const expected = intermediates.subarray((step + 1) * size, (step + 2) * size);
        assertClose(latents, expected, tolerance, `after step ${step}`);
      }
      assertClose(latents, golden.read(name), tolerance, 'result');
    });
});
