import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EigenvalueDecomposition, Matrix, QrDecomposition } from 'ml-matrix';
import { type DenseMatrix, gram } from '../../src/calibrate/matrix.js';
import { symmetricEigen } from '../../src/calibrate/symmetricEigen.js';
import { fromOracle, length, randomMatrix, toOracle } from './matrices.js';

/** Checks that all values are those expected (in any order), and the vectors orthonormal eigenvectors. */
function checkEigen(a: DenseMatrix, count: number, what: string, eigenvalues = oracleEigenvalues(a)): void {
  const expected = eigenvalues.sort((x, y) => y - x);
  const largest = Math.max(...expected.map(Math.abs));
  const { values, vectors } = symmetricEigen({ ...a, data: a.data.slice() }, count);
  const tolerance = 1e-13 * largest;
  assert.equal(values.length, a.rows);
  values.forEach((value, i) => {
    assert.ok(
      Math.abs(value - expected[i]!) <= tolerance,
      `${what}: eigenvalue ${i} ${value} ${expected[i]}`,
    );
  });
  assert.deepEqual([vectors.rows, vectors.columns], [count, a.rows]);
  const v = toOracle(vectors);
  const residual = v.mmul(toOracle(a)).sub(Matrix.diag([...values.slice(0, count)]).mmul(v));
  for (let i = 0; i < count; i++)
    assert.ok(length(residual.getRow(i)) <= tolerance, `${what}: residual of vector ${i}`);
  const deviation = v.mmul(v.transpose()).sub(Matrix.eye(count));
  assert.ok(deviation.abs().max() <= 1e-13, `${what}: vectors are orthonormal to ${deviation.max()} only`);
}

function oracleEigenvalues(a: DenseMatrix): number[] {
  return new EigenvalueDecomposition(toOracle(a), { assumeSymmetric: true }).realEigenvalues;
}

function symmetric(size: number, seed: number): DenseMatrix {
  const a = toOracle(randomMatrix(size, size, seed));
  return fromOracle(a.add(a.transpose()));
}

/** Symmetric, with these eigenvalues and else zero. */
function matrixOfSpectrum(size: number, spectrum: readonly number[]): DenseMatrix {
  const q = new QrDecomposition(toOracle(randomMatrix(size, spectrum.length, 13))).orthogonalMatrix;
  return fromOracle(q.mmul(Matrix.diag([...spectrum])).mmul(q.transpose()));
}

/** Tridiagonal, |i - half| on the diagonal and ones beside it: pairs of eigenvalues agree to 14 digits. */
function wilkinson(half: number): Matrix {
  const size = 2 * half + 1;
  const matrix = Matrix.zeros(size, size);
  for (let i = 0; i < size; i++) {
    matrix.set(i, i, Math.abs(i - half));
    if (i > 0) {
      matrix.set(i, i - 1, 1);
      matrix.set(i - 1, i, 1);
    }
  }
  return matrix;
}

test('eigenvalues and vectors of random symmetric matrices', () => {
  const part = fc.double({ min: 0.01, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), part, fc.nat(), (size, vectors, seed) =>
      checkEigen(symmetric(size, seed), Math.ceil(vectors * size), `size ${size}`),
    ),
  );
});

test('a larger one', () => checkEigen(symmetric(150, 3), 150, '150'));

test('pathologically close eigenvalues', () => {
  checkEigen(fromOracle(wilkinson(10)), 21, 'W21+');
  checkEigen(fromOracle(wilkinson(40)), 81, 'W81+');
});

test('multiple eigenvalues, in parts that are coupled and in parts that are not', () => {
  checkEigen(fromOracle(Matrix.eye(17)), 17, 'identity');
  const part = toOracle(symmetric(5, 1));
  checkEigen(fromOracle(Matrix.eye(6).kroneckerProduct(part)), 30, 'six times the same');
  checkEigen(matrixOfSpectrum(24, [5, 5, 5, 5, 5, 5, -1, -1, -1]), 24, 'rotated');
});

test('a square plate: large, with nearly all eigenvalues double', () => {
  const side = 22;
  const line = Matrix.zeros(side, side);
  for (let i = 0; i < side; i++) {
    line.set(i, i, 2);
    if (i > 0) {
      line.set(i, i - 1, -1);
      line.set(i - 1, i, -1);
    }
  }
  const eye = Matrix.eye(side);
  const plate = line.kroneckerProduct(eye).add(eye.kroneckerProduct(line));
  const known = Array.from({ length: side }, (_, i) => 2 - 2 * Math.cos((Math.PI * (i + 1)) / (side + 1)));
  const sums = known.flatMap((x) => known.map((y) => x + y));
  checkEigen(fromOracle(plate), side * side, 'plate', sums);
});

test('rank-deficient, one-sided and zero matrices', () => {
  checkEigen(gram(randomMatrix(40, 3, 5)), 40, 'rank 3 of 40');
  checkEigen(fromOracle(Matrix.ones(9, 9)), 9, 'ones');
  checkEigen(fromOracle(Matrix.zeros(8, 8)), 8, 'zero');
});

test('entries that overflow or vanish when squared', () => {
  const a = symmetric(12, 7);
  const plain = symmetricEigen({ ...a, data: a.data.slice() }, 12);
  for (const scale of [2 ** -1000, 2 ** -600, 2 ** 600, 2 ** 1000]) {
    const scaled = symmetricEigen({ ...a, data: a.data.map((value) => value * scale) }, 12);
    assert.deepEqual(
      scaled.values.map((value) => value / scale),
      plain.values,
      `times ${scale}`,
    );
    assert.deepEqual(scaled.vectors, plain.vectors, `times ${scale}`);
  }
});

test('a strongly graded matrix', () => {
  const grades = Array.from({ length: 20 }, (_, i) => 10 ** -i);
  const a = toOracle(symmetric(20, 9));
  const d = Matrix.diag(grades);
  checkEigen(fromOracle(d.mmul(a).mmul(d)), 20, 'graded');
});
