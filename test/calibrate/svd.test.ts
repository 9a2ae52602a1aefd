import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { type DenseMatrix, transpose } from '../../src/calibrate/matrix.js';
import { type TruncatedSvd, truncatedSvd } from '../../src/calibrate/svd.js';
import { ArgumentError } from '../../src/errors.js';
import { assertClose } from '../support/compare.js';
import {
  distance,
  fromOracle,
  length,
  matrixOfSpectrum,
  oracleSingularValues,
  randomMatrix,
  shapes,
  tail,
  toOracle,
} from './matrices.js';

function product({ left, right, singularValues }: TruncatedSvd): Float64Array {
  const s = Matrix.diag([...singularValues.slice(0, left.rows)]);
  return fromOracle(toOracle(left).transpose().mmul(s).mmul(toOracle(right))).data;
}

/** The product of the oracle's leading triplets. */
function oracleProduct(a: DenseMatrix, rank: number): Float64Array {
  const svd = new SingularValueDecomposition(toOracle(a), { autoTranspose: true });
  const u = svd.leftSingularVectors.subMatrix(0, a.rows - 1, 0, rank - 1);
  const v = svd.rightSingularVectors.subMatrix(0, a.columns - 1, 0, rank - 1);
  return fromOracle(u.mmul(Matrix.diag(svd.diagonal.slice(0, rank))).mmul(v.transpose())).data;
}

function assertOrthonormalRows(vectors: DenseMatrix, what: string): void {
  const v = toOracle(vectors);
  const deviation = v.mmul(v.transpose()).sub(Matrix.eye(vectors.rows)).abs().max();
  assert.ok(deviation <= 1e-12, `${what} deviates from orthonormal by ${deviation}`);
}

/** The residual is within 1e-9 of |a| of the least there can be, and no less. */
function assertOptimal(a: DenseMatrix, rank: number, svd: TruncatedSvd): void {
  const residual = distance(product(svd), a.data);
  const least = tail(oracleSingularValues(a), rank);
  assert.ok(Math.abs(residual - least) <= 1e-9 * length(a.data), `residual ${residual}, least ${least}`);
}

test('random matrices: optimal residual and the singular values of ml-matrix', () => {
  fc.assert(
    fc.property(shapes(24), ({ rows, columns, rank, seed }) => {
      const a = randomMatrix(rows, columns, seed);
      const svd = truncatedSvd(a, rank);
      assertOptimal(a, rank, svd);
      const expected = oracleSingularValues(a);
      assert.equal(svd.singularValues.length, Math.min(rows, columns));
      svd.singularValues.forEach((value, i) => {
        assert.ok(Math.abs(value - expected[i]!) <= 1e-7 * expected[0]!, `singular value ${i}`);
      });
      assert.deepEqual([svd.left.rows, svd.left.columns], [rank, rows]);
      assert.deepEqual([svd.right.rows, svd.right.columns], [rank, columns]);
    }),
    { numRuns: 200 },
  );
});

test('full rank gives the matrix back', () => {
  fc.assert(
    fc.property(shapes(24), ({ rows, columns, seed }) => {
      const a = randomMatrix(rows, columns, seed);
      const svd = truncatedSvd(a, Math.min(rows, columns));
      assertClose(product(svd), a.data, 1e-13, `${rows} x ${columns}`);
    }),
  );
});

for (const [rows, columns] of [
  [150, 150],
  [200, 90],
  [90, 200],
] as const) {
  test(`a flat spectrum, ${rows} x ${columns}: optimal, with orthonormal vectors`, () => {
    const a = randomMatrix(rows, columns, rows + columns);
    const svd = truncatedSvd(a, 30);
    assertOptimal(a, 30, svd);
    assertOrthonormalRows(svd.left, 'left');
    assertOrthonormalRows(svd.right, 'right');
  });

  test(`a separated spectrum, ${rows} x ${columns}: the product of the full SVD`, () => {
    const spectrum = Array.from({ length: 90 }, (_, i) => 0.8 ** i);
    const a = matrixOfSpectrum(rows, columns, spectrum, rows - columns);
    for (const rank of [1, 16, 60])
      assertClose(product(truncatedSvd(a, rank)), oracleProduct(a, rank), 1e-9, `rank ${rank}`);
  });
}

test('a spectrum over 14 decades is still reproduced at full rank', () => {
  const spectrum = Array.from({ length: 29 }, (_, i) => 10 ** (-i / 2));
  for (const [rows, columns] of [
    [29, 40],
    [40, 29],
  ] as const) {
    const a = matrixOfSpectrum(rows, columns, spectrum, 11);
    assertClose(product(truncatedSvd(a, 29)), a.data, 1e-13, `${rows} x ${columns}`);
  }
});

test('rank-deficient matrices: the rank asked for may be more than there is', () => {
  for (const [rows, columns] of [
    [30, 20],
    [20, 30],
    [20, 20],
  ] as const) {
    const a = matrixOfSpectrum(rows, columns, [3, 2, 1], 5);
    const svd = truncatedSvd(a, 12);
    assertClose(product(svd), a.data, 1e-13, `${rows} x ${columns}`);
    assertClose(svd.singularValues.subarray(0, 3), [3, 2, 1], 1e-13, 'what there is');
    assert.ok(Math.max(...svd.singularValues.subarray(3)) <= 1e-7, 'what there is not');
  }
});

test('equal singular values', () => {
  for (const [rows, columns] of [
    [40, 40],
    [25, 40],
    [40, 25],
  ] as const) {
    const a = matrixOfSpectrum(rows, columns, new Array(25).fill(2), 21);
    assertOptimal(a, 10, truncatedSvd(a, 10));
  }
});

test('zero gives zero', () => {
  const svd = truncatedSvd({ rows: 5, columns: 7, data: new Float64Array(35) }, 3);
  assert.ok(product(svd).every((value) => value === 0));
  assert.ok(svd.singularValues.every((value) => value === 0));
});

test('a row and a column', () => {
  for (const a of [randomMatrix(1, 9, 2), randomMatrix(9, 1, 2), randomMatrix(1, 1, 2)]) {
    const svd = truncatedSvd(a, 1);
    assertClose(product(svd), a.data, 1e-14, `${a.rows} x ${a.columns}`);
    assertClose(svd.singularValues, [length(a.data)], 1e-14, 'its length');
  }
});

test('entries that overflow or vanish when squared', () => {
  const a = randomMatrix(10, 14, 8);
  const expected = product(truncatedSvd(a, 4));
  for (const scale of [2 ** -900, 2 ** 900]) {
    const svd = truncatedSvd({ ...a, data: a.data.map((value) => value * scale) }, 4);
    assertClose(
      product(svd).map((value) => value / scale),
      expected,
      1e-14,
      `times ${scale}`,
    );
  }
});

test('the transpose has the sides exchanged', () => {
  const a = randomMatrix(8, 13, 4);
  const svd = truncatedSvd(a, 5);
  const across = truncatedSvd(transpose(a), 5);
  assertClose(
    fromOracle(toOracle({ rows: 13, columns: 8, data: product(across) }).transpose()).data,
    product(svd),
    1e-13,
    'product',
  );
  assertClose(across.singularValues, svd.singularValues, 1e-13, 'singular values');
});

test('a rank that does not fit is refused', () => {
  for (const rank of [0, -1, 1.5, 6, Number.NaN])
    assert.throws(() => truncatedSvd(randomMatrix(5, 7, 1), rank), {
      name: ArgumentError.name,
      argument: 'rank',
    });
});
