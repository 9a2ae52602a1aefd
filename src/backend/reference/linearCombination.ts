import { finishRow, get, type Matrix, set } from './matrix.js';

export interface Term {
  readonly x: Matrix;
  readonly coefficient: number;
}

export function linearCombination(terms: readonly Term[], out: Matrix): void {
  for (let i = 0; i < out.rows; i++) {
    for (let j = 0; j < out.columns; j++)
      set(
        out,
        i,
        j,
        terms.reduce((sum, { x, coefficient }) => sum + coefficient * get(x, i, j), 0),
      );
    finishRow(out, i);
  }
}
