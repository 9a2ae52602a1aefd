/** `npm run bench -- --check`: what counts as slower, and the exit code. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compareResults, comparisonText } from '../../bench/check.js';
import { temporaryFolder } from '../support/folder.js';
import { kernelRow, resultFile } from './samples.js';

describe('comparison with a stored run', () => {
  test('a share of the limit that fell by more than the tolerance is slower', () => {
    const stored = resultFile([kernelRow(), kernelRow({ contender: 'relaxed f32, 1 thread' })]);
    const run = resultFile([
      kernelRow({ ofLoop: 0.71 }),
      kernelRow({ contender: 'relaxed f32, 1 thread', ofLoop: 0.73 }),
    ]);
    const { compared, slower, faster } = compareResults(stored, run, 10);
    assert.equal(compared, 2);
    assert.deepEqual(slower, [
      {
        name: 'linear, XL/2 fc1 256 x 1152 -> 4608, simd f32, 1 thread',
        before: 0.8,
        after: 0.71,
        limit: 'loop',
      },
    ]);
    assert.deepEqual(faster, []);
    assert.equal(compareResults(stored, run, 15).slower.length, 0);
  });

  test('times do not matter, only shares do', () => {
    const times = { ...kernelRow().times, median: 1000 };
    assert.equal(
      compareResults(resultFile([kernelRow()]), resultFile([kernelRow({ times })]), 10).slower.length,
      0,
    );
  });

  test('kernels without products are held against the copy', () => {
    const row = kernelRow({ kernel: 'layerNormModulate', flops: 0, ofLoop: undefined });
    const run = kernelRow({ kernel: 'layerNormModulate', flops: 0, ofLoop: undefined, ofCopy: 0.1 });
    const [change] = compareResults(resultFile([row]), resultFile([run]), 10).slower;
    assert.deepEqual([change?.limit, change?.before, change?.after], ['copy', 0.2, 0.1]);
  });

  test('what got faster, what was not run and peers are no regressions', () => {
    const rival = (ofLoop: number) => kernelRow({ contender: 'onnxruntime-web, 1 thread', ofLoop });
    const stored = resultFile([kernelRow(), rival(0.5), kernelRow({ shape: 'other' })]);
    const comparison = compareResults(stored, resultFile([kernelRow({ ofLoop: 0.95 }), rival(0.1)]), 10);
    assert.equal(comparison.slower.length, 0);
    assert.equal(comparison.faster.length, 1);
    assert.deepEqual(comparison.missing, ['linear, other, simd f32, 1 thread']);
    const text = comparisonText(comparison, 10);
    assert.match(text, /^faster: linear, XL\/2 fc1 .*: 95 % of the loop, was 80 % \(19 %\)$/m);
    assert.match(text, /^1 compared: 0 slower and 1 faster by more than 10 %$/m);
    assert.match(text, /^1 of the stored rows were not run$/m);
  });

  test('runs with nothing in common are refused', () => {
    const other = resultFile([kernelRow({ shape: 'other' })]);
    assert.throws(() => compareResults(resultFile([kernelRow()]), other, 10), /have no row in common/);
  });
});

describe('the command', () => {
  const main = fileURLToPath(new URL('../../bench/main.js', import.meta.url));
  const folder = temporaryFolder();
  const file = (name: string, ofLoop: number) => {
    const path = `${folder}/${name}.json`;
    writeFileSync(path, JSON.stringify(resultFile([kernelRow({ ofLoop })])));
    return path;
  };
  const [baseline, slower, same] = [file('baseline', 0.8), file('slower', 0.5), file('same', 0.79)];
  const bench = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

  test('exits with 1 and names what got slower', () => {
    const { status, stdout } = bench('--check', baseline, '--run', slower);
    assert.equal(status, 1);
    assert.match(stdout, /^slower: linear, XL\/2 fc1/m);
  });

  test('exits with 0 where nothing did, or within the tolerance asked for', () => {
    assert.equal(bench('--check', baseline, '--run', same).status, 0);
    assert.equal(bench('--check', baseline, '--run', slower, '--tolerance', '50').status, 0);
  });

  test('exits with 2 on bad input, before anything is measured', () => {
    for (const args of [
      ['--check', `${folder}/none.json`],
      ['--run', same],
      ['--tolerance', 'x'],
      ['--quick', '--full'],
      ['--unknown'],
      ['no such kernel'],
    ]) {
      const { status, stdout, stderr } = bench(...args);
      assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
      assert.equal(stdout, '');
      assert.match(stderr, /npm run bench/);
    }
  });
});
