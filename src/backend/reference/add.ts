import { get, type Matrix, set } from './matrix.js';

export function add(x: Matrix, y: Matrix, out: Matrix): void {
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j < x.columns; j++) set(out, i, j, get(x, i, j) + get(y, i % y.rows, j));
}
