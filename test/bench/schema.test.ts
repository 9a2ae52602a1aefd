/** Result files: their form, and that every stored one can be read. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { BlockRow } from '../../bench/block/row.js';
import type { KernelRow } from '../../bench/kernels/row.js';
import { saveJson } from '../../bench/results.js';
import { parseResult, readResult } from '../../bench/schema/read.js';
import { violations } from '../../bench/schema/validate.js';
import type { StartUpRow } from '../../bench/whole/startUp.js';
import { temporaryFolder } from '../support/folder.js';
import { kernelRow, resultFile } from './samples.js';

const stored = fileURLToPath(new URL('../../../bench/results/', import.meta.url));

describe('validator', () => {
  const schema = {
    type: 'object',
    properties: {
      count: { type: 'integer', minimum: 1 },
      name: { type: 'string', pattern: '^a' },
      list: { type: 'array', items: { type: 'number' }, minItems: 2 },
    },
    required: ['count'],
    additionalProperties: false,
  } as const;

  test('accepts what fits', () => {
    assert.deepEqual(violations({ count: 1, name: 'abc', list: [1, 2.5] }, schema), []);
    assert.deepEqual(violations({ count: 1, name: undefined }, schema), []);
  });

  test('says where and what is wrong', () => {
    const said = (value: unknown) => violations(value, schema);
    assert.deepEqual(said(null), ['the file is null; expected object']);
    assert.deepEqual(said({}), ['the file.count is missing']);
    assert.deepEqual(said({ count: 0 }), ['the file.count is 0; expected at least 1']);
    assert.deepEqual(said({ count: 1.5 }), ['the file.count is 1.5; expected integer']);
    assert.deepEqual(said({ count: 1, name: 'b' }), ["the file.name is 'b'; expected ^a"]);
    assert.deepEqual(said({ count: 1, list: [1] }), ['the file.list has 1 items; expected at least 2']);
    assert.deepEqual(said({ count: 1, list: [1, 'x'] }), ["the file.list[1] is 'x'; expected number"]);
    assert.deepEqual(said({ count: 1, other: 1 }), ['the file.other is not a field of it']);
  });
});

describe('result files', () => {
  for (const name of readdirSync(stored).filter((file) => file.endsWith('.json')))
    test(`${name} can be read`, () => {
      const { what, date } = readResult(stored + name);
      assert.equal(what, name.split('-')[0]);
      assert.ok(name.endsWith(`${date}.json`));
    });

  test('of version 2 are what they are', () => {
    const file = resultFile([kernelRow()]);
    assert.deepEqual(parseResult(JSON.parse(JSON.stringify(file)), 'kernels.json'), file);
  });

  test('that do not fit are refused with the place', () => {
    const { times: _, ...row } = kernelRow();
    assert.throws(
      () => parseResult(resultFile([row]), 'k.json'),
      /^FormatError: k\.json: the file\.rows\[0\]\.times is missing$/,
    );
    assert.throws(() => parseResult({ schema: 3 }, 'k.json'), /the file\.what is missing|expected 2/);
    assert.throws(() => parseResult([], 'k.json'), /expected object/);
    assert.throws(() => readResult(`${stored}none.json`), /none\.json/);
  });

  test('of version 1 become rows of version 2', () => {
    const head = { machine: 'chip-2', date: '2025-01-02', node: '20.0.0', v8: '11' };
    const measured = {
      contender: 'simd f32, 2 threads',
      milliseconds: 2,
      gflops: 50,
      ofLoop: 1.5,
      overOnnx: 3,
    };
    const { rows, machine } = parseResult(
      { ...head, rows: [{ kernel: 'linear', shape: 'proj', loopGflops: 40, ...measured }] },
      'kernels-chip-2-2025-01-02.json',
    );
    const [row] = rows as KernelRow[];
    assert.equal(machine.cores, 2);
    assert.deepEqual([row!.threads, row!.flops, row!.times.median], [2, 1e8, 2]);
    // It was held against one loop, whatever the threads.
    assert.equal(row!.ofLoop, 0.75);
    assert.equal(row!.overRival, 3);
    const block = parseResult(
      {
        ...head,
        text: '',
        rows: [{ contender: 'PyTorch', threads: 1, milliseconds: 4, gflops: 25, error: 0 }],
      },
      'block-chip-2-2025-01-02.json',
    );
    assert.equal((block.rows as BlockRow[])[0]!.times.median, 4);
    assert.equal(block.model, 'DiT-XL/2');
    const startUp = parseResult({ ...head, text: '', milliseconds: 269 }, 'startUp-chip-2-2025-01-02.json');
    assert.equal((startUp.rows as StartUpRow[])[0]!.times.median, 269);
    const memory = parseResult({ ...head, fileBytes: 4, peakBytes: 5 }, 'residentMemory-c-2-2025-01-02.json');
    assert.deepEqual(memory.rows, [{ contender: 'incache', fileBytes: 4, peakBytes: 5 }]);
  });

  test('are written as they can be read, with the machine and without what names its owner', async () => {
    const path = `${temporaryFolder()}/kernels.json`;
    assert.equal(await saveJson('kernels', { rows: [kernelRow({ ofLoop: 1 / 3 })] }, { path }), path);
    const { machine, versions, rows } = readResult(path);
    assert.equal((rows as KernelRow[])[0]!.ofLoop, 0.333333);
    assert.ok(
      machine.cores > 0 && machine.clocks[0] > 100 && machine.clocks[1] < 20_000,
      `${machine.clocks}`,
    );
    assert.ok(versions.node && versions.incache);
    assert.ok(!readFileSync(path, 'utf8').includes(process.cwd()));
  });
});
