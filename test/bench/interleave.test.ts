/** In which order contenders run, and what counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Contender, interleave } from '../../src/bench/measure.js';

/** Contenders with clocks of their own, that write down whose turn it was. */
function contenders(names: string, log: string[]): Contender[] {
  return [...names].map((name) => ({
    name,
    flops: 0,
    run: () => {},
    timedRun: async () => log.push(name),
  }));
}

test('contenders take turns, and rounds to warm up do not count', async () => {
  const log: string[] = [];
  const times = await interleave(contenders('AB', log), { rounds: 2, warmUp: 1 });
  assert.equal(log.join(''), 'ABABAB');
  assert.deepEqual(times, [
    [3, 5],
    [4, 6],
  ]);
});

test('after a pause an untimed run comes before the one that counts', async () => {
  const log: string[] = [];
  const times = await interleave(contenders('AB', log), { rounds: 1, warmUp: 0, pause: 1 });
  assert.equal(log.join(''), 'AABB');
  assert.deepEqual(times, [[2], [4]]);
});

test('short runs are called several times in a turn, and their time is of one', async () => {
  let calls = 0;
  const short: Contender = { name: 'short', flops: 0, run: () => void calls++ };
  const [times] = await interleave([short], { rounds: 3, warmUp: 1 });
  assert.equal(times!.length, 3);
  assert.ok(calls > 6, `${calls} calls`);
  assert.ok(times!.every((time) => time < 0.5));
});

test('ends when the time is up, with rounds enough for a median', async () => {
  const [times] = await interleave(contenders('A', []), { rounds: 100, warmUp: 0, pause: 2, seconds: 0.001 });
  assert.equal(times!.length, 5);
});

test('a long run needs no untimed one before it, and few rounds warm up for it', async () => {
  let runs = 0;
  const long: Contender = { name: 'long', flops: 0, run: () => {}, timedRun: async () => 100 + runs++ };
  const [times] = await interleave([long], { rounds: 9, warmUp: 7, pause: 1, seconds: 0.001 });
  // One before the first round, one round to warm up, five that count.
  assert.deepEqual(times, [102, 103, 104, 105, 106]);
  assert.equal(runs, 7);
});
