/** Whole runs beside peers: what is computed is right, and what is said follows from what was measured. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { differences } from '../../bench/agreement.js';
import type { Opened } from '../../bench/ddim50/contender.js';
import { measureRuns } from '../../bench/ddim50/measure.js';
import { stepModel } from '../../bench/ddim50/onnxModel.js';
import { ours, secondStepInputs } from '../../bench/ddim50/ours.js';
import { onnxSteps, torchSteps } from '../../bench/ddim50/peers.js';
import { runProblem } from '../../bench/ddim50/problem.js';
import { answer, type RunRow, runTable } from '../../bench/ddim50/row.js';
import { wholeRun } from '../../bench/ddim50/wholeRun.js';
import type { Absent } from '../../bench/peer.js';
import { sectionOf } from '../../bench/report/sections.js';
import { parseResult } from '../../bench/schema/read.js';
import { namedConfig } from '../../src/models/dit/config.js';
import { kernelRow, resultFile } from './samples.js';

const { times } = kernelRow();

describe('the time of a whole run', () => {
  test('of all steps is their sum', () => {
    assert.equal(wholeRun([9, 1, 5, 2], [0, 1, 0, 1]), 17);
  });

  test('of the first steps: the first once, of the others the mean of those of one plan', () => {
    // Three more of plan 0 at 5 each, three more of plan 1 at the mean of 1 and 3.
    assert.equal(wholeRun([9, 1, 5, 3], [0, 1, 0, 1, 0, 1, 0, 1]), 9 + 3 * 5 + 4 * 2);
  });

  test('cannot be told where a plan was not run after the first step', () => {
    assert.throws(() => wholeRun([9, 1], [0, 1, 0]), /^RangeError: step 2 runs plan 0/);
  });
});

describe('agreement', () => {
  const named = (name: string, replaces?: string) => ({ name, replaces, threads: 1, tolerance: 0.1 });
  const [one, near, far] = [Float32Array.of(1), Float32Array.of(1.05), Float32Array.of(2)];

  test('is with the first of the same kind', () => {
    const contenders = [named('a'), named('a, calibrated', 'a'), named('b'), named('b, calibrated', 'b')];
    const errors = differences(contenders, [one, far, near, far]);
    assert.deepEqual([errors[0], errors[1], errors[3]], [0, 0, 0]);
    assert.ok(Math.abs(errors[2]! - 0.05) < 1e-6);
  });

  test('ends the run where there is none, and where there is no number', () => {
    const contenders = [named('a'), named('b')];
    assert.throws(() => differences(contenders, [one, far]), /b \(threads: 1\) is 1 from a in relative L2/);
    assert.throws(() => differences(contenders, [one, Float32Array.of(Number.NaN)]), /b .* is NaN from a/);
  });
});

describe('a small model', async () => {
  const problem = runProblem({ ...namedConfig('DiT-S/8'), depth: 2 }, 2, 8);
  const inputs = await secondStepInputs(problem);
  const open = async (opened: Opened | Absent) => {
    if ('absent' in opened) throw new Error(opened.absent);
    return opened;
  };

  test('is timed on incache under each policy and on onnxruntime, which predict the same', async () => {
    const opened = [
      await open(await ours(problem, 'wasm', { threads: 1, weights: 'f32' })),
      await open(await onnxSteps(problem, inputs, stepModel(problem, inputs), 'wasm', 1)),
    ];
    const rows = await measureRuns(
      opened.flatMap(({ contenders }) => contenders),
      { rounds: 1, turnSteps: 6 },
    );
    for (const one of opened) await one[Symbol.asyncDispose]();
    assert.deepEqual(
      rows.map(({ contender }) => contender),
      [
        'incache wasm f32',
        'incache wasm f32, reuse p = 2',
        'incache wasm f32, calibrated p = 2',
        'incache wasm f32, calibrated p = 3',
        'incache wasm f32, calibrated p = 2, r = 16',
        'onnxruntime-web',
      ],
    );
    for (const row of rows) {
      assert.ok(row.error < 1e-5, `${row.contender}: ${row.error}`);
      assert.ok(row.times.median > 0 && row.loopGflops! > 0 && row.overOnnx! > 0);
      assert.equal(row.fastestPeer, 'onnxruntime-web');
    }
    const [full, reuse, half, third] = rows.map(({ macShare }) => macShare);
    assert.equal(full, undefined);
    assert.ok(reuse! < half! && third! < half! && half! < 1);
    const file = JSON.parse(JSON.stringify(resultFile(rows, { what: 'ddim50' })));
    assert.equal(parseResult(file, 'ddim50.json').what, 'ddim50');
  });

  for (const precision of ['f32', 'bf16'] as const)
    test(`predicts the same in PyTorch ${precision}`, async (t) => {
      const peer = await torchSteps(problem, inputs, 1, precision);
      if ('absent' in peer) return t.skip(peer.absent);
      const own = await open(await ours(problem, 'wasm', { threads: 1, weights: 'f32' }));
      const contenders = [own.contenders[0]!, ...peer.contenders];
      const predictions = await Promise.all(contenders.map((contender) => contender.prediction()));
      const [, error] = differences(contenders, predictions);
      assert.ok(precision === 'bf16' ? error! > 1e-4 : error! < 1e-5, `${error}`);
      const taken = await peer.contenders[0]!.take(2);
      assert.ok(taken.length === 2 && taken.every((time) => time > 0));
      await own[Symbol.asyncDispose]();
      await peer[Symbol.asyncDispose]();
    });
});

describe('what is said', () => {
  const row = (contender: string, median: number, changes: Partial<RunRow> = {}): RunRow => ({
    contender,
    threads: 2,
    isPeer: false,
    turnSteps: 6,
    times: { ...times, median, p10: median, p90: median },
    flops: 4e12,
    loopGflops: 200,
    ofLoop: 0.5,
    fastestPeer: 'PyTorch',
    overFastest: 8000 / median,
    error: 0,
    ...changes,
  });
  const rows = [
    row('incache bf16', 6000),
    row('incache bf16, calibrated p = 2', 4000, { uninterrupted: 4500, timeShare: 0.66, macShare: 0.6 }),
    row('incache f32, calibrated p = 2', 5000),
    row('PyTorch', 8000, { isPeer: true, uninterrupted: 9000 }),
    row('onnxruntime-node', 9000, { isPeer: true }),
  ];

  test('our fastest calibrated run against the fastest peer', () => {
    assert.equal(
      answer(rows),
      'On 2 threads the fastest peer, without a cache, is PyTorch with 8.00 s; incache bf16, calibrated p = 2 takes 4.00 s, 2.00 times as fast (in one go 2.00).',
    );
    assert.equal(answer(rows.filter(({ isPeer }) => !isPeer)), '');
  });

  test('a table with the floor of the multiply-adds', () => {
    assert.match(
      runTable(rows),
      /\| 2 \| incache bf16, calibrated p = 2 \| 4\.00 \| 4\.00 to 4\.00 \| 10\.00 \| 50 % of 200 \| {2}\| 2\.00 \| 0\.660 \/ 0\.600 = 1\.10 \| 4\.50 \|/,
    );
  });

  test('a section with both', () => {
    const { body } = sectionOf({ ...resultFile(rows, { what: 'ddim50', text: 'Intro.' }), name: 'd.json' });
    assert.match(body, /^Intro\.\n\nOn 2 threads the fastest peer.*\n\n\| threads \|/);
  });
});
