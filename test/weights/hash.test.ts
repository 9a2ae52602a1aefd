import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashTensors, hashTensorsAsync } from '../../src/weights/hash.js';
import { SafetensorsFile, type TensorToWrite, writeSafetensors } from '../../src/weights/safetensors.js';
import { temporaryFolder } from '../support/folder.js';

const folder = temporaryFolder();

function hashOf(tensors: TensorToWrite[], metadata: Record<string, string> = {}): string {
  const path = join(folder, 'x.safetensors');
  writeSafetensors(path, tensors, metadata);
  using file = SafetensorsFile.open(path);
  return hashTensors(file);
}

test('the hash is that of the tensors: not of their order or the metadata, but of every name, type, shape and byte', () => {
  const a: TensorToWrite = {
    name: 'a',
    dtype: 'F32',
    shape: [2, 3],
    data: Float32Array.of(1, 2, 3, 4, 5, 6),
  };
  const b: TensorToWrite = { name: 'b', dtype: 'U8', shape: [1], data: Uint8Array.of(7) };
  const hash = hashOf([a, b]);
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal(hashOf([b, a], { other: 'metadata' }), hash);
  const others = [
    hashOf([{ ...a, name: 'c' }, b]),
    hashOf([{ ...a, shape: [3, 2] }, b]),
    hashOf([a, { ...b, dtype: 'I8' }]),
    hashOf([{ ...a, data: Float32Array.of(1, 2, 3, 4, 5, 7) }, b]),
    hashOf([a]),
  ];
  assert.equal(new Set([hash, ...others]).size, 6);
});

test('a tensor that is read in parts has the hash of its bytes in order', () => {
  const parts = 2 ** 24 + 12_345;
  const data = Uint8Array.from({ length: parts }, (_, i) => (i * 31) >> 3);
  const expected = createHash('sha256')
    .update(JSON.stringify(['x', 'U8', [parts]]))
    .update(data);
  assert.equal(hashOf([{ name: 'x', dtype: 'U8', shape: [parts], data }]), expected.digest('hex'));
});

test('the hash of a large file lets timers through, and ends early with its signal', async () => {
  const path = join(folder, 'large.safetensors');
  const shape = [2 ** 20];
  const tensors = Array.from({ length: 20 }, (_, i): TensorToWrite => {
    return { name: `t${i}`, dtype: 'U8', shape, data: new Uint8Array(2 ** 20).fill(i) };
  });
  writeSafetensors(path, tensors);
  using file = SafetensorsFile.open(path);
  let turns = 0;
  const count = () => {
    turns++;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  assert.equal(await hashTensorsAsync(file), hashTensors(file));
  clearImmediate(counting);
  assert.ok(turns >= 20, `the event loop came round ${turns} times`);
  const controller = new AbortController();
  const stopped = assert.rejects(hashTensorsAsync(file, controller.signal), { name: 'AbortError' });
  controller.abort();
  await stopped;
});
