/** `--shard` and `merge` of `incache evaluate`, `calibrate` and `experiment`: the line of JSON, the factors and the files of one machine. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { shardOf } from '../../src/cli/shardFlag.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { testRefusals } from './refused.js';
import { incache, Workplace } from './run.js';

const RUN = ['evaluate', '--images', '20', '--steps', '1', '--batch', '8', '--json'];

const inputs = new Workplace();
after(() => inputs[Symbol.dispose]());
const onTiny = ['--model', writeTinyModel(inputs.path('tiny.safetensors')), '--steps', '3'];
const CALIBRATE = ['calibrate', ...onTiny, '--count', '4', '--batch', '1', '--rank', '2'];
const EXPERIMENT = ['experiment', 'trajectory', ...onTiny, '--images', '2', '--only', 'reuse'];

async function outputOf(place: Workplace, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await incache(args, place.folder);
  assert.deepEqual([code, stderr], [0, '']);
  return stdout;
}

describe('calibrate and experiment in shards', () => {
  test('calibrate', async () => {
    using place = new Workplace();
    const shard = (...args: string[]) => outputOf(place, [...CALIBRATE, '--resume', 'run', ...args]);
    const says = 'shard 1 of 2: batches 2 to 3 are in run; incache calibrate merge makes the factors\n';
    assert.equal(await shard('--shard', '1/2'), says);
    await shard('--shard', '0/2');
    await shard('merge', '--out', 'merged');
    await outputOf(place, [...CALIBRATE, '--out', 'whole']);
    assert.deepEqual(readFileSync(place.path('merged')), readFileSync(place.path('whole')));
  });

  test('experiment', async () => {
    using place = new Workplace();
    const shard = (...args: string[]) => outputOf(place, [...EXPERIMENT, '--out', 'out', ...args]);
    const next = 'incache experiment trajectory merge reports all';
    assert.equal(await shard('--shard', '0/2'), `shard 0 of 2: measurements 0 to 0 are in out; ${next}\n`);
    assert.deepEqual(JSON.parse(await shard('--shard', '1/2', '--json')), {
      ...{ shard: { index: 1, of: 2 }, first: 1, count: 1 },
    });
    assert.equal(await shard('merge'), 'out/README.md\n');
    await outputOf(place, [...EXPERIMENT, '--out', 'whole']);
    assert.equal(
      readFileSync(place.path('out/errors.csv'), 'utf8'),
      readFileSync(place.path('whole/errors.csv'), 'utf8'),
    );
  });
});

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
      name: 'of factors that nothing is measured for',
      args: [...CALIBRATE, '--resume', 'run', '--shard', '0/2', '--method', 'svd'],
      says: ["method is 'svd'; expected one that measures something"],
    },
    {
      name: 'of a calibration without a folder',
      args: [...CALIBRATE, '--shard', '0/2'],
      says: ['resume is missing; expected a folder that all shards share'],
    },
    { name: 'of an experiment, none', args: [...EXPERIMENT, 'merge'], says: ['work holds no shards'] },
    {
      name: 'of times',
      args: ['experiment', 'policies', ...onTiny, '--shard', '0/2'],
      says: ['times is true; expected false (--no-times'],
    },
    {
      name: 'a merge of one shard',
      args: [...RUN, 'merge', '--resume', 'run', '--shard', '0/2'],
      says: ['shard is', 'merge takes all shards'],
    },
  ]),
);
