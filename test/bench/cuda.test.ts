/** The CUDA benchmark, as far as it needs no GPU: rows, floors, whole runs elsewhere, the peer on a CPU, the table. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { collect } from '../../bench/cuda/collect.js';
import { floorOf, H100, H200, ratesOf } from '../../bench/cuda/floors.js';
import { type CudaCase, type CudaRow, caseKey, cudaTables } from '../../bench/cuda/row.js';
import { timeRuns } from '../../bench/cuda/runs.js';
import { sectionOf } from '../../bench/report/sections.js';
import { parseResult } from '../../bench/schema/read.js';
import { openDevice } from '../../src/backend/choose.js';
import { namedConfig } from '../../src/models/dit/config.js';
import { resultFile } from './samples.js';

const LINEARS = ['qkv', 'proj', 'fc1', 'fc2'];

function row(changes: Partial<CudaRow> = {}): CudaRow {
  const times = { milliseconds: 2, rounds: [2] };
  return {
    level: 'block',
    name: 'full',
    shape: '',
    sequences: 16,
    tokens: 256,
    rank: 0,
    contender: 'incache',
    ...times,
    ...changes,
  };
}

describe('floors on an H100', () => {
  const microseconds = (changes: Partial<CudaRow>) => floorOf(row(changes), H100)! * 1e3;
  const linears = (name: string, sequences: number, rank = 0) =>
    LINEARS.reduce((sum, shape) => sum + microseconds({ level: 'kernel', name, shape, sequences, rank }), 0);
  const near = (value: number, expected: number) =>
    assert.ok(Math.abs(value / expected - 1) < 0.01, `${value} is not ${expected}`);

  // Counted by hand for the plan of these kernels.
  test('of the full linears of a block', () => {
    near(linears('linear', 2), 20.6);
    near(linears('linear', 16), 165);
    near(linears('linear', 64), 661);
  });

  test('of one kernel for each calibrated linear', () => {
    near(linears('calibratedLinear', 2, 128), 14.4);
    near(linears('calibratedLinear', 16, 64), 101);
    near(linears('calibratedLinear', 16, 256), 104);
    near(linears('calibratedLinear', 64, 128), 404);
  });

  test('of attention, by memory at 256 tokens and by arithmetic at 1024', () => {
    near(microseconds({ level: 'kernel', name: 'attention', shape: '16 heads of 72' }), 12.6);
    near(microseconds({ level: 'kernel', name: 'attention', shape: '', sequences: 4, tokens: 1024 }), 24.5);
  });

  test('a calibrated MLP does not move its hidden layer twice', () => {
    const [mlp, apart] = [
      microseconds({ level: 'kernel', name: 'calibratedMlp', shape: 'fc1, fc2', rank: 128 }),
      ['fc1', 'fc2'].reduce(
        (sum, shape) => sum + microseconds({ level: 'kernel', name: 'calibratedLinear', shape, rank: 128 }),
        0,
      ),
    ];
    near(mlp, 26.2);
    assert.ok(mlp < apart / 2);
  });

  test('a run is its steps, half or two thirds of them calibrated', () => {
    const block = (name: string, rank = 0) => microseconds({ name, rank });
    const run = (name: string, rank = 0) => microseconds({ level: 'run', name, rank });
    near(run('full'), 50 * 28 * block('full'));
    near(run('calibrated p = 2', 128), 25 * 28 * (block('gather') + block('scatter', 128)));
    near(run('calibrated p = 3', 128), 28 * (17 * block('gather') + 33 * block('scatter', 128)));
    assert.ok(run('reuse p = 2') < run('calibrated p = 2', 128));
  });

  test('a block has its layer norms, and moves the residual stream in float32', () => {
    const of16Images = (name: string, rates = H100, rank = 0) =>
      floorOf(row({ name, sequences: 32, rank }), rates)! * 1e3;
    near(of16Images('full'), 398);
    near(of16Images('scatter', H100, 128), 228);
    near(of16Images('full', H200), 374);
    near(of16Images('scatter', H200, 128), 159);
  });

  test('a step is its blocks, and the mean of a period', () => {
    const block = (name: string, rank = 0) => microseconds({ name, rank });
    const step = (name: string, rank = 0) => microseconds({ level: 'step', name, rank });
    near(step('full'), 28 * block('full'));
    near(step('scatter', 128), 28 * block('scatter', 128));
    near(step('calibrated p = 3', 128), (28 / 3) * (block('gather') + 2 * block('scatter', 128)));
  });

  test('there is none of what has no name, nor on another GPU', () => {
    assert.equal(floorOf(row({ name: 'other' }), H100), undefined);
    assert.equal(floorOf(row({ level: 'run', name: 'full p = x' }), H100), undefined);
    assert.equal(floorOf(row({ level: 'kernel', name: 'linear', shape: 'other' }), H100), undefined);
    assert.equal(ratesOf('NVIDIA A100-SXM4-80GB'), undefined);
    assert.equal(floorOf(row({ level: 'step', name: 'other' }), H100), undefined);
    assert.equal(ratesOf('NVIDIA H100 80GB HBM3'), H100);
    assert.equal(ratesOf('NVIDIA H200'), H200);
  });
});

describe('lines become a result', () => {
  const line = ({ rounds: _, ...rest }: CudaRow) => JSON.stringify(rest);
  const lines = [
    '{"device":"NVIDIA H100 80GB HBM3","nvcc":"13.0"}',
    '{"copyGigabytes":2990.5}',
    line(row({ milliseconds: 1 })),
    '{"torch":"2.9.0","device":"NVIDIA H100 80GB HBM3"}',
    line(row({ contender: 'torch eager', milliseconds: 4 })),
    '',
    line(row({ milliseconds: 3 })),
  ];

  test('a row for each case and contender, its rounds together, with its floor', () => {
    const { device, nvcc, torch, copyGigabytes, rows } = collect(lines.join('\n'));
    assert.deepEqual(
      { device, nvcc, torch, copyGigabytes },
      { device: 'NVIDIA H100 80GB HBM3', nvcc: '13.0', torch: '2.9.0', copyGigabytes: 2990.5 },
    );
    assert.deepEqual(
      rows.map(({ contender, milliseconds, rounds }) => ({ contender, milliseconds, rounds })),
      [
        { contender: 'incache', milliseconds: 2, rounds: [1, 3] },
        { contender: 'torch eager', milliseconds: 4, rounds: [4] },
      ],
    );
    assert.equal(rows[0]!.floorMilliseconds, floorOf(row(), H100));
  });

  test('what is no line, or says of no device, is refused', () => {
    assert.throws(() => collect([...lines, 'no json'].join('\n')), /^FormatError: line 8: /);
    assert.throws(() => collect(line(row())), /^FormatError: no line names the device/);
  });

  test('and a section of the report', () => {
    const { rows } = collect(lines.join('\n'));
    const result = parseResult(resultFile(rows, { what: 'cuda' }), 'cuda-h100.json');
    const { body } = sectionOf({ ...result, name: 'cuda-h100.json' });
    assert.match(body, /### Blocks/);
    assert.match(body, /\| floor ms \| ms \| floor \/ ms \| torch eager ms \(x\) \|/);
    assert.match(body, /\| full \| 16 \| 256 \| {2}\| 0\.199 \| 2\.00 \| 10 % \| 4\.00 \(2\.00\) \|/);
    assert.doesNotMatch(body, /### Kernels/);
  });

  test('a peer without ours, and ours without a floor, leave their cells empty', () => {
    const alone = cudaTables([row({ contender: 'cuBLAS' }), row({ name: 'gather' })]);
    assert.match(alone, /\| full \| 16 \| 256 \| {2}\| {2}\| {2}\| {2}\| 2\.00 \|/);
    assert.match(alone, /\| gather \| 16 \| 256 \| {2}\| {2}\| 2\.00 \| {2}\| {2}\|/);
  });
});

test('whole runs are timed under every policy', async () => {
  const device = await openDevice('wasm', {});
  const config = { ...namedConfig('DiT-S/8'), depth: 1, hiddenSize: 24, mlpSize: 96, heads: 2, classes: 3 };
  const lines: CudaCase[] = [];
  for await (const { milliseconds, ...line } of timeRuns(device, {
    config,
    images: [1],
    rank: 4,
    repeats: 1,
  })) {
    assert.ok(milliseconds > 0);
    lines.push(line);
  }
  await device.dispose();
  const names = ['full', 'reuse p = 2', 'calibrated p = 2', 'calibrated p = 3'];
  assert.deepEqual(
    lines.map(({ name, sequences, tokens, rank }) => ({ name, sequences, tokens, rank })),
    names.map((name, i) => ({ name, sequences: 2, tokens: 16, rank: i < 2 ? 0 : 4 })),
  );
});

const PEER = fileURLToPath(new URL('../../../bench/cuda/peer', import.meta.url));
const PYTHON = process.env.INCACHE_PYTHON ?? '/usr/bin/python3';

function python(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(PYTHON, args, {
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: PEER, PYTHONDONTWRITEBYTECODE: '1' },
  });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
}

const hasTorch = spawnSync(PYTHON, ['-c', 'import torch']).status === 0;

describe('PyTorch as the peer', { skip: !hasTorch && `${PYTHON} has no PyTorch` }, () => {
  const rowsOf = (level: string, ...flags: string[]) =>
    python(PEER, level, ...flags)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as CudaRow);

  // Six shapes, four ranks; of kernels and blocks as many as cuda/test/bench.cpp counts.
  const counts = { kernel: 6 * (6 + 5 * 4), block: 6 * (2 + 4), run: 6 * 4 };
  for (const [level, count] of Object.entries(counts))
    test(`${level}: every row has a floor, and small ones run`, () => {
      const all = rowsOf(level, '--list');
      const keys = new Set(all.map(({ milliseconds: _, ...rest }) => JSON.stringify(rest)));
      assert.equal(keys.size, all.length);
      assert.equal(new Set(all.map(caseKey)).size, count);
      for (const listed of all) assert.ok(floorOf(listed, H100)! > 0, JSON.stringify(listed));
      assert.deepEqual([...new Set(all.map(({ sequences }) => sequences))], [4, 32, 128]);
      assert.deepEqual([...new Set(all.map(({ tokens }) => tokens))], [256, 1024]);
      for (const { milliseconds } of rowsOf(level, '--cpu', '--small')) assert.ok(milliseconds > 0);
    });

  test('a calibrated block on an input that has not changed is the full one', () => {
    python(
      '-c',
      `
import torch
from blocks import factors_of, full, gather, scatter, weights_of
from timing import Buffers
torch.manual_seed(1)
b = Buffers("cpu")
x, modulation = b.random(2, 16, 48), [b.random(2, 1, 48, scale=0.3) for _ in range(6)]
weights, factors = weights_of(b, 48), factors_of(b, 48, 8)
y, cache = gather(x, modulation, weights, 2)
assert torch.equal(y, full(x, modulation, weights, 2))
error = lambda z: ((z - y).float().norm() / y.float().norm()).item()
assert error(scatter(x, modulation, factors, cache, 2)) < 1e-6
other = scatter(x + 0.1 * b.random(2, 16, 48), modulation, factors, cache, 2)
assert 1e-3 < error(other) < 1
`,
    );
  });
});
