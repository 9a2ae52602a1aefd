/** bfloat16 weights and activations: how far from float32, and what they save. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openDevice } from '../../src/backend/choose.js';
import { calibrate, imageSource, loadCalibrationImages } from '../../src/calibrate/index.js';
import { DenoisingSession } from '../../src/engine/session.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import { meanPsnr } from '../../src/evaluate/index.js';
import {
  type CacheOptions,
  DenoiserCheckpoint,
  EMBEDDED_CALIBRATION_IMAGES,
  EMBEDDED_MODEL,
  Pipeline,
  type SampleOptions,
} from '../../src/index.js';
import type { FloatType } from '../../src/plan/types.js';
import { assertClose } from '../support/compare.js';
import { uncached } from '../support/denoiser.js';
import { temporaryFolder } from '../support/folder.js';
import { goldenFiles, goldenFolder, openGolden } from '../support/golden.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { SKIP } from './present.js';

/** Relative L2 against the recorded forward passes: measured 3.2e-3 on dit-a and 3.5e-3 on dit-b, twice that allowed. */
const FORWARD_TOLERANCE = 7e-3;

/** Decibels that calibration may lose to bfloat16; measured 0.4 of 38.3. */
const PSNR_MARGIN = 1;

describe('bf16 on native', { skip: SKIP }, () => {
  for (const file of goldenFiles(/^dit-\w+\.forward\.safetensors$/))
    test(`${file}: near to the recorded forward pass, and not float32`, async () => {
      const golden = openGolden(file);
      const output = await forward(file.split('.')[0]!, 'bf16');
      assertClose(output, golden.read('out'), FORWARD_TOLERANCE, 'out');
      assert.throws(() => assertClose(output, golden.read('out'), 1e-4, 'out'));
    });

  test('calibrated digits are as near to the uncached ones of float32 as those of float32', async () => {
    const labels = [3, 5, 8];
    await using exact = await Pipeline.load(EMBEDDED_MODEL, { backend: 'native' });
    await using narrow = await Pipeline.load(EMBEDDED_MODEL, { backend: 'native', weights: 'bf16' });
    const images = loadCalibrationImages(EMBEDDED_CALIBRATION_IMAGES, exact.network);
    const source = imageSource(exact.network, { ...images, count: 16, batch: 16 });
    const factors = await calibrate(exact, { method: 'cd', rank: 32, source });
    const run = async (pipeline: Pipeline, cache: CacheOptions) =>
      (await pipeline.generate({ labels, steps: 10, cache })).latents;
    const full = await run(exact, {});
    const cache: CacheOptions = { policy: 'calibrated', period: 2, factors };
    const psnr = async (pipeline: Pipeline) => meanPsnr(await run(pipeline, cache), full, labels.length);
    const [inFloat, inBf16] = [await psnr(exact), await psnr(narrow)];
    assert.ok(inBf16 > inFloat - PSNR_MARGIN, `${inBf16} dB; ${inFloat} dB in float32`);
  });

  test('weights in bf16 choose a native backend, activations in bf16 and half the memory', async () => {
    const path = writeTinyModel(join(temporaryFolder(), 'tiny.safetensors'));
    await using narrow = await Pipeline.load(path, { weights: 'bf16' });
    await using exact = await Pipeline.load(path, { backend: 'native' });
    assert.match(narrow.device.backend, /^(cuda|native)$/);
    assert.deepEqual([narrow.device.activations, exact.device.activations], ['bf16', 'f32']);
    const factors = await calibrate(exact, { method: 'svd', rank: 4 });
    const policies = [
      { policy: 'reuse', period: 2 },
      { policy: 'calibrated', period: 2, factors },
    ] as const;
    for (const cache of policies) {
      const options: SampleOptions = { labels: [0], steps: 4, cache };
      const cacheOf = (pipeline: Pipeline) => pipeline.plan(options).memory.cache;
      assert.ok(cacheOf(exact) > 0);
      assert.equal(cacheOf(narrow), cacheOf(exact) / 2, cache.policy);
      for (const pipeline of [narrow, exact]) await pipeline.generate(options);
    }
    const share = narrow.weights.bytes / exact.weights.bytes;
    assert.ok(share > 0.45 && share < 0.75, `weights take ${share} of what they take in float32`);
  });
});

/** The forward pass whose inputs were recorded. */
async function forward(model: string, weights: FloatType): Promise<Float32Array> {
  const golden = openGolden(`${model}.forward.safetensors`);
  const checkpoint = new DenoiserCheckpoint(`${goldenFolder()}/${model}.weights.safetensors`);
  const device = await openDevice('native', { weights, threads: 2 });
  const labels = golden.readIntegers('y');
  const { activations } = device;
  const steps = uncached(checkpoint.network);
  const sizes = { sequences: labels.length, conditions: labels.length };
  const plan = planSession(checkpoint.network, { ...sizes, steps, activations });
  using session = await DenoisingSession.create(device, device.loadWeights(checkpoint), plan);
  const timesteps = golden.readIntegers('t');
  await session.condition(
    timesteps.map((timestep, i) => ({ timestep, conditions: { labels: [labels[i]!] } })),
  );
  const output = await session.evaluate(0, golden.read('x'), Int32Array.from(labels.keys()));
  await device.dispose();
  return output;
}
