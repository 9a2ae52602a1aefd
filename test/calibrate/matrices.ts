/** Matrices for tests, and what the oracle ml-matrix says of them. */
import fc from 'fast-check';
import { Matrix, QrDecomposition, SingularValueDecomposition } from 'ml-matrix';
import type { DenseMatrix } from '../../src/calibrate/matrix.js';
import { Random } from '../support/random.js';

export function randomMatrix(rows: number, columns: number, seed: number): DenseMatrix {
  const random = new Random(seed);
  return { rows, columns, data: Float64Array.from({ length: rows * columns }, () => random.normal()) };
}

/** U diag(spectrum) V^T with random orthonormal U and V. */
export function matrixOfSpectrum(
  rows: number,
  columns: number,
  spectrum: readonly number[],
  seed: number,
): DenseMatrix {
  const left = orthonormalColumns(rows, spectrum.length, seed);
  const right = orthonormalColumns(columns, spectrum.length, seed + 1);
  return fromOracle(left.mmul(Matrix.diag([...spectrum])).mmul(right.transpose()));
}

function orthonormalColumns(rows: number, columns: number, seed: number): Matrix {
  return new QrDecomposition(toOracle(randomMatrix(rows, columns, seed))).orthogonalMatrix;
}

export function toOracle({ rows, columns, data }: DenseMatrix): Matrix {
  return Matrix.from1DArray(rows, columns, Array.from(data));
}

export function fromOracle(matrix: Matrix): DenseMatrix {
  return { rows: matrix.rows, columns: matrix.columns, data: Float64Array.from(matrix.to1DArray()) };
}

export function oracleSingularValues(a: DenseMatrix): number[] {
  return new SingularValueDecomposition(toOracle(a), { autoTranspose: true }).diagonal;
}

/** a b, of row-major arrays: rows x inner times inner x columns. */
export function multiply(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  rows: number,
  inner: number,
  columns: number,
): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      for (let j = 0; j < columns; j++) out[i * columns + j]! += a[i * inner + k]! * b[k * columns + j]!;
    }
  }
  return out;
}

/** E of a set of samples as columns of X: X X^T / samples. */
export function secondMomentOf(samples: DenseMatrix): Float64Array {
  const x = toOracle(samples);
  return fromOracle(x.mmul(x.transpose()).div(samples.columns)).data;
}

/** Square root of the sum of squares of a - b. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < b.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

export function length(values: ArrayLike<number>): number {
  return distance(values, new Float64Array(values.length));
}

/** The distance of the best approximation of that rank (Eckart and Young). */
export function tail(singularValues: ArrayLike<number>, rank: number): number {
  return length(Array.from(singularValues).slice(rank));
}

/** Shapes of both orientations, lines and squares included, with a rank that fits and a seed. */
export function shapes(largest: number) {
  return fc
    .tuple(fc.integer({ min: 1, max: largest }), fc.integer({ min: 1, max: largest }), fc.nat())
    .chain(([rows, columns, seed]) =>
      fc.record({
        rows: fc.constant(rows),
        columns: fc.constant(columns),
        rank: fc.integer({ min: 1, max: Math.min(rows, columns) }),
        seed: fc.constant(seed),
      }),
    );
}
