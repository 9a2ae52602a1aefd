import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mean } from '../../src/evaluate/metrics/mean.js';
import { RelativeL2, relativeL2 } from '../../src/evaluate/metrics/relativeL2.js';

test('relative L2: of a pair, and of many as one long vector', () => {
  assert.equal(relativeL2([1, 2], [1, 2]), 0);
  assert.equal(relativeL2([3, 4], [0, 4]), 3 / 4);
  assert.equal(relativeL2([1], [0]), Number.POSITIVE_INFINITY);
  assert.equal(relativeL2([0], [0]), 0);
  const error = new RelativeL2();
  error.add([1, 0], [0, 0]);
  error.add([0, 2], [0, 4]);
  assert.equal(error.value, relativeL2([1, 0, 0, 2], [0, 0, 0, 4]));
  assert.throws(() => relativeL2([1], [1, 2]), /values is '1 long'; expected 2/);
});

test('a mean needs a number', () => {
  const mean = new Mean();
  assert.throws(() => mean.value, /at least one number/);
  for (const value of [1, 2, 6]) mean.add(value);
  assert.equal(mean.value, 3);
});
