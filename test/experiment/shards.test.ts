/** Shards of an experiment, merged: the files of one machine, whatever their number. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { ExperimentName, ExperimentOptions } from '../../src/experiment/runExperiment.js';
import { runExperiment } from '../../src/experiment/runExperiment.js';
import { experimentShard, mergeExperiment } from '../../src/experiment/shards.js';
import { sharedPipeline } from '../pipeline/tinyPipeline.js';
import { temporaryFolder } from '../support/folder.js';

describe('experiments in shards', () => {
  const pipeline = sharedPipeline('wasm');
  const folder = temporaryFolder();
  const optionsFor = (out: string, more: Partial<ExperimentOptions> = {}): ExperimentOptions => ({
    out: join(folder, out),
    ...{ images: 3, seeds: 2, batch: 2, sampling: { steps: 3, guidanceScale: 2 }, times: false },
    command: 'the command',
    ...more,
  });
  const filesOf = (out: string) => {
    const names = readdirSync(join(folder, out)).filter((name) => name !== 'work');
    return names.sort().map((name) => [name, readFileSync(join(folder, out, name), 'utf8')]);
  };

  // Of ranks that are cut from the factors of a larger one, which another shard may have.
  const RUNS: Partial<Record<ExperimentName, { only: readonly string[]; parts: readonly number[] }>> = {
    policies: { only: ['DDIM-1', 'calibrated own r=8 p=2', 'reuse p=2'], parts: [7] },
    ranks: { only: ['svd r=8', 'svd r=1 ', 'reuse'], parts: [1, 2, 7, 50] },
    trajectory: { only: ['reuse', 'ca r=4 p=2'], parts: [2] },
  };
  for (const [name, { only, parts }] of Object.entries(RUNS))
    test(name, async () => {
      await runExperiment(pipeline(), name, optionsFor(`${name}-whole`, { only }));
      for (const of of parts) {
        const sharded = optionsFor(`${name}-${of}`, { only });
        let next = 0;
        for (let index = 0; index < of; index++) {
          const { first, count } = await experimentShard(pipeline(), name, sharded, { index, of });
          if (count > 0) assert.equal(first, next);
          next += count;
        }
        const onProgress = () => assert.fail('something was measured');
        await mergeExperiment(pipeline(), name, { ...sharded, onProgress });
        assert.deepEqual(filesOf(`${name}-${of}`), filesOf(`${name}-whole`), `${of}`);
      }
    });

  test('a shard that is missing, unfinished or of another experiment is named', async () => {
    const options = optionsFor('named', { seeds: 1, only: ['reuse'] });
    const merge = (more: Partial<ExperimentOptions> = {}) =>
      mergeExperiment(pipeline(), 'trajectory', { ...options, ...more });
    await assert.rejects(merge(), /work holds no shards/);
    const stop = new AbortController();
    const stopped = { ...options, signal: stop.signal, onProgress: () => stop.abort() };
    await assert.rejects(experimentShard(pipeline(), 'trajectory', stopped, { index: 1, of: 2 }), {
      name: 'AbortError',
    });
    await assert.rejects(merge(), /has no shard-0-of-2: that part is not done yet/);
    await experimentShard(pipeline(), 'trajectory', options, { index: 0, of: 2 });
    await assert.rejects(merge(), /shard-1-of-2 lacks reuse p=3 seed 0; measure the shard to its end first/);
    await experimentShard(pipeline(), 'trajectory', options, { index: 1, of: 2 });
    await assert.rejects(merge({ images: 4 }), /in it images is 3, not 4/);
    assert.equal((await merge()).get('errors')!.length, 2 * 3);
    await assert.rejects(
      experimentShard(pipeline(), 'trajectory', options, { index: 2, of: 2 }),
      /shard\.index/,
    );
    const timed = { ...options, times: true };
    await assert.rejects(
      experimentShard(pipeline(), 'policies', timed, { index: 0, of: 2 }),
      /times is true; expected false \(--no-times/,
    );
  });
});
