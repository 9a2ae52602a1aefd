/** `--check`: what counts as slower, and the exit code. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { compareResults, comparisonText } from '../../bench/check.js';
import type { ResultFile } from '../../bench/schema/read.js';
import { temporaryFolder } from '../support/folder.js';
import { SharedProcess } from '../support/sharedProcess.js';
import { blockRow, kernelRow, resultFile } from './samples.js';

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
    const said = comparisonText(comparison, 10);
    assert.match(said, /^faster: linear, XL\/2 fc1 .*: 95 % of the loop, was 80 % \(19 %\)$/m);
    assert.match(said, /^1 compared: 0 slower and 1 faster by more than 10 %$/m);
    assert.match(said, /^1 of the stored rows were not run$/m);
  });

  test('runs with nothing in common are refused', () => {
    const other = resultFile([kernelRow({ shape: 'other' })]);
    assert.throws(() => compareResults(resultFile([kernelRow()]), other, 10), /have no row in common/);
  });

  test('so are results of different kinds, and blocks of different models', () => {
    const block = (model: string) => resultFile([blockRow()], { what: 'block', model });
    assert.throws(
      () => compareResults(resultFile([kernelRow()]), block('DiT-S/2'), 10),
      /stored result is of kernels and this run of block DiT-S\/2$/,
    );
    assert.throws(() => compareResults(block('DiT-XL/2'), block('DiT-S/2'), 10), /of block DiT-XL\/2 and/);
  });

  test('rows of a block are those of one contender and number of threads', () => {
    const rows = (one: number, two: number, peer: number) =>
      resultFile(
        [
          blockRow({ ofLoop: one }),
          blockRow({ threads: 2, ofLoop: two }),
          blockRow({ contender: 'tfjs-backend-wasm', ofLoop: peer }),
        ],
        { what: 'block', model: 'DiT-XL/2' },
      );
    const { compared, slower, faster } = compareResults(rows(0.8, 0.6, 0.5), rows(0.79, 0.5, 0.1), 10);
    assert.equal(compared, 2);
    assert.deepEqual(slower, [
      { name: 'incache native f32, threads: 2', before: 0.6, after: 0.5, limit: 'loop' },
    ]);
    assert.deepEqual(faster, []);
  });
});

describe('the commands', () => {
  const folder = temporaryFolder();
  const file = (name: string, result: ResultFile) => {
    const path = `${folder}/${name}.json`;
    writeFileSync(path, JSON.stringify(result));
    return path;
  };
  const kernels = (name: string, ofLoop: number) => file(name, resultFile([kernelRow({ ofLoop })]));
  const block = (name: string, ofLoop: number) =>
    file(name, resultFile([blockRow({ ofLoop })], { what: 'block', model: 'DiT-XL/2' }));
  let process: SharedProcess;
  before(() => {
    process = new SharedProcess(new URL('./sharedProgram.js', import.meta.url));
  });
  after(() => process[Symbol.asyncDispose]());
  const run = (program: string, ...args: string[]) =>
    process.run({ args: [new URL(`../../bench/${program}.js`, import.meta.url).href, ...args], folder });

  for (const [program, stored] of [
    ['main', kernels],
    ['block/main', block],
    ['whole', kernels],
  ] as const) {
    const name = program.replace('/', '-');
    const files = [
      stored(`${name}-stored`, 0.8),
      stored(`${name}-slower`, 0.5),
      stored(`${name}-same`, 0.79),
    ];
    const [baseline, slower, same] = files as [string, string, string];
    const first = program === 'whole' ? ['ddim50'] : [];

    test(`${program} exits with 1 and names what got slower`, async () => {
      const { code, stdout } = await run(program, ...first, '--check', baseline, '--run', slower);
      assert.equal(code, 1);
      assert.match(stdout, /^slower: .*: 50 % of the loop, was 80 %/m);
    });

    test(`${program} exits with 0 where nothing did, or within the tolerance asked for`, async () => {
      const check = [...first, '--check', baseline, '--run'];
      assert.equal((await run(program, ...check, same)).code, 0);
      assert.equal((await run(program, ...check, slower, '--tolerance', '50')).code, 0);
    });
  }

  const same = kernels('same', 0.79);
  for (const [program, args] of [
    ['main', ['--check', `${folder}/none.json`]],
    ['main', ['--run', same]],
    ['main', ['--tolerance', 'x']],
    ['main', ['--quick', '--full']],
    ['main', ['--unknown']],
    ['main', ['no such kernel']],
    ['block/main', ['--check', `${folder}/none.json`]],
    ['block/main', ['--threads', '0']],
    ['block/main', ['--model', 'DiT-Q/2']],
    ['whole', ['none']],
    ['whole', ['--check', same]],
  ] as const)
    test(`${program} ${args.join(' ').replace(folder, '')} is bad input`, async () => {
      const { code, stdout, stderr } = await run(program, ...args);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /\n\nnpm run bench/);
    });
});
