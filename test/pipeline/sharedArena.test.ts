/** The plans of a run share one arena of temporaries, however many they are, and so do runs that take turns. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { backends } from '../../src/backend/choose.js';
import type { SampleOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { layoutTemporaries } from '../../src/plan/layout.js';
import { bufferBytes } from '../../src/plan/types.js';
import { writeTinyModel } from '../support/tinyModel.js';

const folder = mkdtempSync(join(tmpdir(), 'incache-arena-'));
after(() => rmSync(folder, { recursive: true }));
const model = writeTinyModel(join(folder, 'model.safetensors'), { config: { hiddenSize: 64, mlpSize: 256 } });

/** Another plan at nearly every step: each reuses another of the sublayers. */
const run: SampleOptions = {
  labels: [0, 1, 2, 0],
  steps: 9,
  cache: {
    policy: 'reuse',
    granularity: 'sublayer',
    rule: (step, layer) => (step >> ['blocks.0.attention', 'blocks.0.mlp'].indexOf(layer)) % 2 === 0,
  },
};

for (const { name: backend, available, detail } of backends())
  describe(`arenas on ${backend}`, { skip: available ? false : detail }, () => {
    const load = () => Pipeline.load(model, { backend, threads: 2 });

    test('a run takes what its figure of memory says, with room for one arena', async () => {
      await using pipeline = await load();
      const plan = pipeline.plan(run);
      const arenas = plan.plans.map((each) => layoutTemporaries(each).arenaBytes);
      assert.ok(plan.plans.length >= 4);
      assert.ok(plan.memory.arena >= Math.max(...arenas));
      const apart = arenas.reduce((a, b) => a + b);
      assert.ok(apart > 3 * plan.memory.arena, 'one arena instead of one a plan');
      // Weights are there already.
      await pipeline.generateLatents({ ...run, cache: { policy: 'none' } });
      pipeline.releaseSessions();
      const before = pipeline.device.memoryInUse;
      let during = 0;
      await pipeline.generateLatents(run, () => {
        during = Math.max(during, pipeline.device.memoryInUse - before);
      });
      // The reference keeps temporaries in arrays of the engine, by themselves.
      if (backend === 'reference') return;
      const bound = new Map(
        [plan.conditioning, ...plan.plans].flatMap(({ buffers }) =>
          buffers
            .filter(({ role }) => role !== 'weight' && role !== 'temporary')
            .map((buffer) => [buffer.name, bufferBytes(buffer)] as const),
        ),
      );
      const tensors = [...bound.values()].reduce((a, b) => a + b, 0);
      // Scratch of kernels and the programs of wasm beside it take less than another one.
      const most = tensors + 2 * plan.memory.arena;
      assert.ok(
        during <= most,
        `${during} bytes; expected at most ${most}, of which ${plan.memory.arena} in one arena`,
      );
    });

    test('runs that take turns do not write into what others read', {
      skip: backend === 'reference',
    }, async () => {
      await using pipeline = await load();
      const options = [run, { ...run, seed: 1, labels: [2] }, { ...run, cache: { policy: 'none' } as const }];
      const alone: Float32Array[] = [];
      for (const each of options) alone.push((await pipeline.generateLatents(each)).latents);
      const together = await Promise.all(options.map((each) => pipeline.generateLatents(each)));
      for (const [i, { latents }] of together.entries()) assert.deepEqual(latents, alone[i]);
    });
  });
