/** Gram matrices of a model's own features, against those of the features that a plan hands out. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { normals } from '../../src/diffusion/philox.js';
import { gramsWork, measureGrams } from '../../src/evaluate/runs/measureGrams.js';
import { latentSize } from '../../src/models/network.js';
import type { CacheOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { runWithSignals } from '../pipeline/gateSignals.js';
import { writeTinyModel } from '../support/tinyModel.js';

const STEPS = 9;

describe('grams of a model', () => {
  const folder = mkdtempSync(join(tmpdir(), 'incache-measure-grams-'));
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await Pipeline.load(writeTinyModel(join(folder, 'a.safetensors')), { threads: 1 });
  });
  after(async () => {
    await pipeline.dispose();
    rmSync(folder, { recursive: true });
  });

  test('are of every input and every end of a sublayer, symmetric and positive', async () => {
    let steps = 0;
    const options = { images: 5, steps: STEPS, seed: 2, onStep: () => steps++ };
    const { features, info } = await measureGrams(pipeline, options);
    assert.equal(steps, gramsWork(pipeline.network, options));
    assert.equal(info.timesteps.length, STEPS);
    const names = pipeline.network.blocks.flatMap(({ name }) =>
      ['qkv.input', 'proj.input', 'fc1.input', 'fc2.input', 'proj.output', 'fc2.output'].map(
        (feature) => `${name}.${feature}`,
      ),
    );
    assert.deepEqual([...features.keys()].sort(), names.sort());
    for (const [name, gram] of features)
      for (let a = 0; a < STEPS; a++) {
        assert.ok(gram[a * STEPS + a]! > 0, name);
        for (let b = 0; b < a; b++) {
          const product = gram[a * STEPS + b]!;
          assert.equal(product, gram[b * STEPS + a]);
          assert.ok(product ** 2 <= gram[a * STEPS + a]! * gram[b * STEPS + b]! * (1 + 1e-9), name);
        }
      }
  });

  test('have the change in size of what all blocks add, and magcache goes by it', async () => {
    const [seed, steps] = [2, STEPS];
    const fits = await measureGrams(pipeline, { images: 1, steps, seed });
    const noise = normals(seed, 0, 0, latentSize(pipeline.network, pipeline.network.latents));
    const { signals } = await runWithSignals(pipeline, { labels: [0], noise, steps });
    const added = signals.map(({ tokens, behindLast }) => behindLast.map((value, i) => value - tokens[i]!));
    const { width } = pipeline.network;
    const norm = (values: Float32Array, row: number) =>
      Math.hypot(...values.subarray(row * width, (row + 1) * width));
    for (const [step, own] of added.entries()) {
      const before = added[Math.max(0, step - 1)]!;
      const ratios = Array.from(
        { length: own.length / width },
        (_, row) => norm(own, row) / norm(before, row),
      );
      const expected = ratios.reduce((a, b) => a + b) / ratios.length;
      assert.ok(Math.abs(fits.info.magnitudes![step]! - expected) < 1e-4, `${step}: ${expected}`);
    }
    const run = async (cache: CacheOptions) =>
      (await pipeline.generateLatents({ labels: [0, 1], steps, seed: 1, cache })).latents;
    const uncached = await run({});
    assert.deepEqual(await run({ policy: 'magcache', fits, threshold: 0 }), uncached);
    // Two steps of warm-up, then three of four are cached.
    const cached = await run({ policy: 'magcache', fits, threshold: 1e30, keep: 'outputs' });
    assert.deepEqual(cached, await run({ policy: 'reuse', gatherSteps: [0, 1, 5] }));
    const without = await measureGrams(pipeline, { images: 1, steps, seed, magnitudes: false });
    assert.equal(without.info.magnitudes, undefined);
  });

  test('serve a run of the same steps, which is then another one than reuse', async () => {
    const fits = await measureGrams(pipeline, { images: 4, steps: STEPS, seed: 7 });
    const run = async (cache: CacheOptions) =>
      (await pipeline.generateLatents({ labels: [0, 1, 2], steps: STEPS, seed: 1, cache })).latents;
    const reused = await run({ policy: 'reuse', gatherSteps: [0, 1, 3, 5, 7] });
    assert.deepEqual(await run({ policy: 'fitted', fits, terms: 1, period: 2 }), reused);
    assert.notDeepEqual(await run({ policy: 'fitted', fits, terms: 3, period: 2 }), reused);
    await assert.rejects(
      pipeline.generateLatents({ labels: [0], steps: 5, cache: { policy: 'fitted', fits } }),
      { message: /measured over 9 steps of ddim; this run has 5 of ddim/ },
    );
  });
});
