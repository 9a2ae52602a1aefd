/** `incache evaluate --shard` and `incache evaluate merge`: the line of JSON of one machine. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { shardOf } from '../../src/cli/shardFlag.js';
import { testRefusals } from './refused.js';
import { incache, Workplace } from './run.js';

const RUN = ['evaluate', '--images', '20', '--steps', '1', '--batch', '8', '--json'];

describe('evaluate in shards', () => {
  test('merged, they report what one machine does', async () => {
    using place = new Workplace();
    const report = async (...args: string[]) => {
      const { code, stdout, stderr } = await incache([...RUN, ...args], place.folder);
      assert.deepEqual([code, stderr], [0, '']);
      const { millisecondsPerImage: _, ...others } = JSON.parse(stdout);
      return others;
    };
    for (const index of [1, 0])
      assert.deepEqual(await report('--resume', 'run', '--shard', `${index}/2`), {
        ...{ shard: { index, of: 2 } },
        ...(index === 0 ? { first: 0, count: 8 } : { first: 8, count: 12 }),
      });
    assert.deepEqual(await report('merge', '--resume', 'run'), await report());
  });

  test('schedulers number the parts', () => {
    assert.deepEqual(shardOf('3/7', { SLURM_ARRAY_TASK_ID: '1' }), { index: 3, of: 7 });
    assert.deepEqual(shardOf('7', { SLURM_ARRAY_TASK_ID: '4', SLURM_ARRAY_TASK_MIN: '1' }), {
      index: 3,
      of: 7,
    });
    assert.deepEqual(shardOf('7', { JOB_COMPLETION_INDEX: '6' }), { index: 6, of: 7 });
    for (const [text, environment] of [
      ['7/7', {}],
      ['7', {}],
      ['7', { JOB_COMPLETION_INDEX: '7' }],
      ['1/0', {}],
      ['-1/7', {}],
      ['a', { JOB_COMPLETION_INDEX: '1' }],
      ['', {}],
    ] as const)
      assert.throws(() => shardOf(text, environment), /^ArgumentError: shard is /, text);
  });
});

describe('shards that cannot be', { concurrency: 2 }, () =>
  testRefusals([
    {
      name: 'without a folder',
      args: [...RUN, '--shard', '0/2'],
      says: ['resume is missing; expected a folder'],
    },
    { name: 'a merge without a folder', args: [...RUN, 'merge'], says: ['resume is missing'] },
    { name: 'another word', args: [...RUN, 'marge'], says: ["an argument is 'marge'; expected merge"] },
    { name: 'an empty folder', args: [...RUN, 'merge', '--resume', 'none'], says: ['none holds no shards'] },
    {
      name: 'a merge of one shard',
      args: [...RUN, 'merge', '--resume', 'run', '--shard', '0/2'],
      says: ['shard is', 'merge takes all shards'],
    },
  ]),
);
