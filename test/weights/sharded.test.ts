/** Models in several files, and folders of them. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openTensors } from '../../src/weights/openTensors.js';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import { temporaryFolder } from '../support/folder.js';

const root = temporaryFolder();
let count = 0;

/** A folder of its own, with a shard that holds each of the given tensors. */
function folderOf(shards: Readonly<Record<string, readonly string[]>>): string {
  const folder = join(root, String(count++));
  mkdirSync(folder);
  for (const [file, names] of Object.entries(shards)) shard(join(folder, file), names);
  return folder;
}

function shard(path: string, names: readonly string[]): void {
  writeSafetensors(
    path,
    names.map((name) => ({
      name,
      dtype: 'F32',
      shape: [1],
      data: Float32Array.of(name.charCodeAt(0)),
    })),
  );
}

function index(folder: string, map: unknown, name = 'model.safetensors.index.json'): string {
  writeFileSync(join(folder, name), typeof map === 'string' ? map : JSON.stringify({ weight_map: map }));
  return join(folder, name);
}

describe('a model in several files', () => {
  test('is one source, opened by its index or its folder', () => {
    const folder = folderOf({ 'one.safetensors': ['a', 'b'], 'two.safetensors': ['c'] });
    const path = index(folder, { a: 'one.safetensors', b: 'one.safetensors', c: 'two.safetensors' });
    for (const where of [path, folder]) {
      using source = openTensors(where);
      assert.deepEqual([...source.names].sort(), ['a', 'b', 'c']);
      assert.deepEqual([...source.read('c')], ['c'.charCodeAt(0)]);
      assert.throws(() => source.read('d'), /has no tensor 'd'/);
    }
  });

  test('an index with a byte order mark is read', () => {
    const folder = folderOf({ 'one.safetensors': ['a'] });
    openTensors(index(folder, `\ufeff${JSON.stringify({ weight_map: { a: 'one.safetensors' } })}`)).close();
  });

  const refusals: [string, unknown, RegExp][] = [
    [
      'a file that is not there',
      { a: 'one.safetensors', c: 'none.safetensors' },
      /lists none\.safetensors, which is not there/,
    ],
    [
      'a file above the folder',
      { a: '../one.safetensors' },
      /expected the name of a file in the same folder/,
    ],
    ['an absolute path', { a: '/etc/passwd' }, /expected the name of a file in the same folder/],
    [
      'a path with backslashes',
      { a: '..\\one.safetensors' },
      /expected the name of a file in the same folder/,
    ],
    ['what is no name', { a: 3 }, /tensor 'a' lies in 3; expected/],
    [
      'a tensor that is not there',
      { x: 'one.safetensors' },
      /has tensor 'x' in one\.safetensors, where it is not/,
    ],
    [
      'a tensor in the wrong file',
      { a: 'two.safetensors', c: 'one.safetensors' },
      /has tensor '[ac]' in (?:one|two)\.safetensors, where it is not/,
    ],
    [
      'a tensor that two files have',
      { a: 'one.safetensors', b: 'both.safetensors' },
      /two of its files have a tensor 'a'/,
    ],
    ['nothing', {}, /an index without tensors/],
    ['no map', 'x', /is no|not JSON|no index/],
    ['itself', { a: 'model.safetensors.index.json' }, /is JSON; expected a safetensors file/],
  ];
  for (const [what, map, message] of refusals)
    test(`an index that lists ${what} is refused`, () => {
      const folder = folderOf({
        'one.safetensors': ['a', 'b'],
        'two.safetensors': ['c'],
        'both.safetensors': ['a', 'd'],
      });
      const path = typeof map === 'string' ? index(folder, '{"metadata": {}}') : index(folder, map);
      assert.throws(() => openTensors(path), message);
    });

  test('an index that has a tensor twice is refused, though JSON parsers keep the last', () => {
    const folder = folderOf({ 'one.safetensors': ['a'], 'two.safetensors': ['a'] });
    const path = index(folder, '{"weight_map": {"a": "one.safetensors", "\\u0061": "two.safetensors"}}');
    assert.throws(() => openTensors(path), /has two entries of the name 'a'/);
  });

  test('a link out of the folder is refused, but not where the index is a link to the same place', () => {
    const elsewhere = folderOf({ 'blob1.safetensors': ['a'] });
    const folder = folderOf({});
    symlinkSync(join(elsewhere, 'blob1.safetensors'), join(folder, 'one.safetensors'));
    const map = { a: 'one.safetensors' };
    assert.throws(() => openTensors(index(folder, map)), /a link that leads out of its folder/);
    // As the cache of the Hugging Face Hub: all files are links to blobs.
    const snapshot = folderOf({});
    index(elsewhere, map, 'blob2');
    symlinkSync(join(elsewhere, 'blob1.safetensors'), join(snapshot, 'one.safetensors'));
    symlinkSync(join(elsewhere, 'blob2'), join(snapshot, 'model.safetensors.index.json'));
    openTensors(snapshot).close();
  });
});

describe('a folder of weights', () => {
  const NAME = 'diffusion_pytorch_model';
  const namesIn = (folder: string, variant?: string): readonly string[] => {
    using source = openTensors(folder, variant === undefined ? {} : { variant });
    return source.names;
  };

  test('safetensors come before .bin, no variant before one, and a variant is taken where it is asked for or alone', () => {
    const both = folderOf({
      [`${NAME}.bin`]: ['bin'],
      [`${NAME}.safetensors`]: ['plain'],
      [`${NAME}.fp16.safetensors`]: ['half'],
    });
    assert.deepEqual(namesIn(both), ['plain']);
    assert.deepEqual(namesIn(both, 'fp16'), ['half']);
    assert.throws(() => namesIn(both, 'bf16'), /variant is 'bf16'; expected one of those in .*: fp16/);
    assert.deepEqual(namesIn(folderOf({ [`${NAME}.fp16.safetensors`]: ['half'] })), ['half']);
    const two = folderOf({ [`${NAME}.fp16.safetensors`]: ['half'], [`${NAME}.ema.safetensors`]: ['ema'] });
    assert.throws(() => namesIn(two), /variant is missing; expected one of ema, fp16/);
  });

  test('the index of a variant is found under both names that diffusers has given it', () => {
    for (const name of [`${NAME}.safetensors.index.fp16.json`, `${NAME}.fp16.safetensors.index.json`]) {
      const folder = folderOf({ 'one.safetensors': ['a'] });
      index(folder, { a: 'one.safetensors' }, name);
      assert.deepEqual(namesIn(folder, 'fp16'), ['a']);
    }
  });

  test('a single file of any name will do, several or none are refused', () => {
    assert.deepEqual(namesIn(folderOf({ 'my-dit.safetensors': ['a'] })), ['a']);
    assert.throws(
      () => namesIn(folderOf({ 'a.safetensors': ['a'], 'b.safetensors': ['b'] })),
      /several files of weights/,
    );
    assert.throws(() => namesIn(folderOf({})), /has no file of weights/);
  });
});
