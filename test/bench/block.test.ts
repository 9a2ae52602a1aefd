/** What is said of a block's contender follows from its times and those of the same rounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlockContender } from '../../bench/block/contender.js';
import { blockRow, blockTable } from '../../bench/block/row.js';

const contender = (name: string, flops: number, replaces?: string): BlockContender => ({
  ...{ name, flops, replaces, threads: 2, loop: 'wasm', tolerance: 1, run: () => {} },
  output: async () => new Float32Array(0),
  dispose: async () => {},
});
const timed = (name: string, flops: number, ...times: number[]) => ({
  contender: contender(name, flops),
  times,
});
const loop = timed('loop', 1e9, 10, 10, 10);
const full = timed('full', 4e9, 40, 40, 40);

test('ratios are those of the rounds, over every rival that there is', async () => {
  const row = await blockRow({
    ...full,
    error: 0,
    loop,
    full: undefined,
    rivals: {
      overOnnx: timed('node', 0, 20, 20, 20),
      overWeb: timed('web', 0, 80, 60, 40),
      overTfjs: undefined,
    },
  });
  assert.deepEqual(
    [row.overOnnx, row.overWeb, row.overTfjs, row.overTorch, row.verdict],
    [0.5, 1.5, undefined, undefined, 'slower'],
  );
  // 4 GFLOP in 40 ms on two threads, of a loop of 100 GFLOP/s on one.
  assert.deepEqual([row.loopGflops, row.ofLoop], [100, 0.5]);
  assert.match(blockTable([row]), /\| 50 % of 100 \| 0\.50 \| 1\.50 \| {2}\| {2}\| {2}\|/);
});

test('a calibrated block is held against the full one alone', async () => {
  const row = await blockRow({
    contender: contender('calibrated', 1e9, 'full'),
    times: [12, 12, 12],
    error: 0,
    loop: undefined,
    full,
    rivals: {},
  });
  assert.deepEqual([row.overOnnx, row.timeShare, row.macShare], [undefined, 0.3, 0.25]);
  assert.match(blockTable([row]), /0\.300 \/ 0\.250 = 1\.20/);
});
