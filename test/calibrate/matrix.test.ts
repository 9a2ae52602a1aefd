import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { gram, timesTransposed, transpose } from '../../src/calibrate/matrix.js';
import { assertClose } from '../support/compare.js';
import { fromOracle, randomMatrix, toOracle } from './matrices.js';

const sizes = fc.record({
  rows: fc.integer({ min: 1, max: 75 }),
  others: fc.integer({ min: 1, max: 75 }),
  columns: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 250, max: 262 })),
  seed: fc.nat(),
});

test('A B^T is that of ml-matrix, for sizes that fit no tile', () => {
  fc.assert(
    fc.property(sizes, ({ rows, others, columns, seed }) => {
      const a = randomMatrix(rows, columns, seed);
      const b = randomMatrix(others, columns, seed + 1);
      const expected = fromOracle(toOracle(a).mmul(toOracle(b).transpose()));
      assertClose(timesTransposed(a, b).data, expected.data, 1e-13, `${rows} x ${others} over ${columns}`);
    }),
    { numRuns: 60 },
  );
});

test('A A^T is whole and symmetric', () => {
  fc.assert(
    fc.property(sizes, ({ rows, columns, seed }) => {
      const a = randomMatrix(rows, columns, seed);
      const expected = fromOracle(toOracle(a).mmul(toOracle(a).transpose()));
      assertClose(gram(a).data, expected.data, 1e-13, `${rows} over ${columns}`);
    }),
    { numRuns: 60 },
  );
});

test('the transpose has rows and columns exchanged', () => {
  const a = randomMatrix(37, 70, 1);
  const across = transpose(a);
  assert.deepEqual([across.rows, across.columns], [70, 37]);
  assert.deepEqual(across.data, fromOracle(toOracle(a).transpose()).data);
});
