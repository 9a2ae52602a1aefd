/** Worker threads, and ends in the middle of a run: of a worker, of the process, by a signal. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { assertSame } from '../pipeline/tinyPipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { runProgram } from './child.js';
import { SKIP } from './present.js';
import type { SamplingTask } from './samplingWorker.js';
import { LONG_WORK, WORK, WORK_MODEL } from './work.js';

const TERMINATIONS = 30;

describe('native in workers and at ends', { skip: SKIP }, () => {
  const folder = temporaryFolder();
  let path: string;
  let expected: Float32Array;
  const load = () => Pipeline.load(path, { backend: 'native', threads: 2 });
  before(async () => {
    path = writeTinyModel(join(folder, 'tiny.safetensors'), WORK_MODEL);
    await using pipeline = await load();
    expected = (await pipeline.generate(WORK)).latents;
  });

  test('two workers and the main thread at once give the same bits', async () => {
    const workerData: SamplingTask = { path, options: WORK };
    const latentsOfWorker = async () => {
      const worker = new Worker(new URL('samplingWorker.js', import.meta.url), { workerData });
      const exited = once(worker, 'exit');
      const [latents] = (await once(worker, 'message')) as [Float32Array];
      assert.deepEqual(await exited, [0]);
      return latents;
    };
    await using pipeline = await load();
    const results = await Promise.all([
      latentsOfWorker(),
      latentsOfWorker(),
      pipeline.generate(WORK).then(({ latents }) => latents),
    ]);
    for (const latents of results) assertSame(latents, expected);
  });

  test(`${TERMINATIONS} workers ended in the middle of runs leave the process as it was`, async () => {
    const ended = await runProgram('terminations.js', [path, TERMINATIONS]);
    assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, '']);
    assert.equal(ended.stdout, Buffer.from(expected.buffer).toString('hex'));
  });

  for (const [code, delay] of [
    [0, 0],
    [3, 1],
    [0, 2],
    [7, 5],
  ] as const)
    test(`process.exit(${code}), ${delay} ms into a run`, async () => {
      const ended = await runProgram('exits.js', [path, code, delay]);
      assert.deepEqual(ended, { code, signal: null, stdout: 'begun', stderr: '' });
    });

  for (const delay of [0, 1, 3, 10])
    test(`a signal given ${delay} ms into a run rejects with its reason and frees the run's memory`, async () => {
      await using pipeline = await load();
      await pipeline.generate(WORK);
      const before = pipeline.device.memoryInUse;
      const controller = new AbortController();
      const reason = new Error('enough');
      const run = pipeline.generate({ ...LONG_WORK, signal: controller.signal }, () => {
        if (!controller.signal.aborted) assert.ok(pipeline.device.memoryInUse > before);
      });
      const rejected = assert.rejects(run, (error) => error === reason);
      await sleep(delay);
      controller.abort(reason);
      await rejected;
      assert.equal(pipeline.device.memoryInUse, before);
      assertSame((await pipeline.generate(WORK)).latents, expected);
    });
});
