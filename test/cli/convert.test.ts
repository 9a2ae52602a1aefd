/** `incache convert`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { incache, Workplace } from './run.js';

const place = new Workplace();
after(() => place[Symbol.dispose]());
const tiny = writeTinyModel(place.path('tiny.safetensors'));

describe('convert', { concurrency: 2 }, () => {
  test('writes one file and says what is in it', async () => {
    const { code, stdout, stderr } = await incache(['convert', tiny, '-o', 'out.safetensors'], place.folder);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    assert.match(stdout, /^out\.safetensors: dit, 32 tensors \(F32\) from names of meta, [\d.]+ KiB\n$/);
    using original = new DenoiserCheckpoint(tiny);
    using converted = new DenoiserCheckpoint(place.path('out.safetensors'));
    assert.equal(converted.hash, original.hash);
  });

  test('--json is one line of JSON', async () => {
    const run = await incache(
      ['convert', tiny, '-o', 'half.safetensors', '--type', 'bf16', '--json'],
      place.folder,
    );
    const { out, layout, tensors, types } = JSON.parse(run.stdout);
    assert.deepEqual([out, layout, tensors, types], ['half.safetensors', 'meta', 32, { BF16: 32 }]);
  });

  test('bad input is one sentence, exit 2', async () => {
    const before = readFileSync(tiny);
    for (const [args, message] of [
      [['convert', tiny], /^incache: required option '-o, --out <file>' not specified\n$/],
      [['convert', '-o', 'x'], /^incache: missing required argument 'model'\n$/],
      [
        ['convert', tiny, '-o', 'tiny.safetensors'],
        /^incache: out is 'tiny\.safetensors'; expected a file of its own; .* is read for the conversion\n$/,
      ],
      [
        ['convert', tiny, '-o', 'x', '--type', 'f8'],
        /^incache: type is 'f8'; expected one of f32, bf16, f16\n$/,
      ],
      [['convert', tiny, '-o', 'no/x'], /^incache: out is 'no\/x'; expected a name in a folder that exists/],
      [['convert', 'none.pt', '-o', 'x'], /^incache: .*none\.pt/],
    ] as const) {
      const { code, stdout, stderr } = await incache(args, place.folder);
      assert.equal(code, 2, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, message);
    }
    assert.deepEqual(readFileSync(tiny), before);
    assert.ok(!place.files.includes('x'));
  });
});
