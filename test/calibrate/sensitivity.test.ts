import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SensitivityAccumulator } from '../../src/calibrate/sensitivity.js';
import { ArgumentError, IncacheError } from '../../src/errors.js';
import { assertClose } from '../support/compare.js';

const EPSILON = 1e-6;

function sensitivityOf(...batches: readonly (readonly number[])[][]): Float64Array {
  const accumulator = new SensitivityAccumulator(batches[0]![0]!.length);
  for (const images of batches) accumulator.addBatch(images.flat(), images.length);
  return accumulator.finish()[0]!;
}

test('one image: min-max over channels, then the root', () => {
  const range = 0.25 + EPSILON;
  const expected = [EPSILON / range, (0.0625 + EPSILON) / range, 1].map(Math.sqrt);
  const found = sensitivityOf([[0.5, 0.5625, 0.75]]);
  found.forEach((value, channel) => {
    assertClose([value], [expected[channel]!], 1e-12, `channel ${channel}`);
  });
});

test('images of a batch are averaged after min-max, not before', () => {
  // In the second image the channels stand the other way round and are a hundred times as large.
  const found = sensitivityOf([
    [0, 1],
    [100, 0],
  ]);
  const expected = [(EPSILON / (1 + EPSILON) + 1) / 2, (1 + EPSILON / (100 + EPSILON)) / 2].map(Math.sqrt);
  assertClose(found, expected, 1e-14, 'sensitivities');
});

test('batches weigh the same, whatever their size', () => {
  const low = EPSILON / (1 + EPSILON);
  assertClose(
    sensitivityOf(
      [
        [0, 1],
        [0, 1],
        [0, 1],
      ],
      [[1, 0]],
    ),
    [(low + 1) / 2, (low + 1) / 2].map(Math.sqrt),
    1e-14,
    'sensitivities',
  );
});

test('the floor is a thousandth of the largest, after the root', () => {
  // 1e-6 / (9 + 1e-6) has a root of 1 / 3000.
  const found = sensitivityOf([[0, 9, 1]]);
  assert.equal(found[1], 1);
  assert.equal(found[0], 1 / 1000);
  assertClose([found[2]!], [Math.sqrt((1 + EPSILON) / (9 + EPSILON))], 1e-14, 'above the floor');
});

test('equal channels are equally sensitive', () => {
  assert.deepEqual(sensitivityOf([[5, 5, 5]]), Float64Array.of(1, 1, 1));
});

test('float32 arrays of the device are taken as they are', () => {
  const accumulator = new SensitivityAccumulator(2);
  accumulator.addBatch(Float32Array.of(1, 1.25, 2, 2.25), 2);
  assertClose(
    accumulator.finish()[0]!,
    [EPSILON / (0.25 + EPSILON), 1].map(Math.sqrt),
    1e-12,
    'sensitivities',
  );
});

test('what cannot be is refused', () => {
  const accumulator = new SensitivityAccumulator(2);
  assert.throws(() => accumulator.finish(), IncacheError);
  assert.throws(() => accumulator.addBatch([1, 2, 3], 2), {
    name: 'ArgumentError',
    argument: 'means.length',
  });
  assert.throws(() => accumulator.addBatch([], 0), { name: 'ArgumentError', argument: 'images' });
  assert.throws(() => accumulator.addBatch([1, 2, 3, Number.NaN], 2), /channel 1 of image 1/);
  assert.throws(() => accumulator.addBatch([Number.POSITIVE_INFINITY, 2], 1), /channel 0 of image 0/);
  assert.throws(() => new SensitivityAccumulator(0), ArgumentError);
});

test('a refused batch leaves no trace', () => {
  const accumulator = new SensitivityAccumulator(2);
  accumulator.addBatch([1, 2], 1);
  const before = accumulator.finish()[0]!;
  assert.throws(() => accumulator.addBatch([2, 1, Number.NaN, 1], 2), IncacheError);
  assert.deepEqual(accumulator.finish()[0]!, before);
});

test('magnitudes are plain means over images, also of batches of unequal size', () => {
  const accumulator = new SensitivityAccumulator(4);
  assert.throws(() => accumulator.magnitudes(), IncacheError);
  accumulator.addBatch([1, 2, 3, 4, 5, 6, 7, 8], 2);
  accumulator.addBatch([6, 1, 2, 0], 1);
  assert.deepEqual(accumulator.magnitudes(), [Float64Array.of(4, 3, 4, 4)]);
  assert.deepEqual(accumulator.magnitudes(2), [Float64Array.of(4, 3), Float64Array.of(4, 4)]);
  assert.throws(() => accumulator.magnitudes(3), ArgumentError);
});
