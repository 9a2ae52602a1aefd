/** A run that cannot fit is refused by its plan, before anything of it is taken. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { backends } from '../../src/backend/choose.js';
import { OutOfMemoryError } from '../../src/errors.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { writeTinyModel } from '../support/tinyModel.js';

/** Images of so many tokens that few of them, whose options take time each, fill any machine. */
const config = { inputSize: 64 };
const model = writeTinyModel(join(temporaryFolder(), 'tiny.safetensors'), { config });
/** More images at once than any machine holds. */
const IMAGES = 2 ** 17;

for (const { name, available, detail } of backends())
  test(`${name} refuses a batch that it cannot hold, and goes on`, {
    skip: !available && detail,
  }, async () => {
    await using pipeline = await Pipeline.load(model, { backend: name, threads: 1 });
    const before = pipeline.device.memoryInUse;
    const labels = new Array<number>(IMAGES).fill(1);
    const started = pipeline.generate({ labels, steps: 1, batch: IMAGES, cache: { policy: 'none' } });
    await assert.rejects(started, (error: unknown) => {
      assert.ok(error instanceof OutOfMemoryError);
      assert.equal(error.limit, pipeline.device.memoryLimit);
      assert.ok(error.asked > error.limit);
      return true;
    });
    assert.equal(pipeline.device.memoryInUse, before);
    const { latents } = await pipeline.generate({ labels: [1], steps: 1 });
    assert.ok(latents.every(Number.isFinite));
  });
