import { get, type Matrix, set } from './matrix.js';

/** out[i, j] = f(x[i, j]). */
export function map(x: Matrix, f: (value: number) => number, out: Matrix): void {
  for (let i = 0; i < x.rows; i++) for (let j = 0; j < x.columns; j++) set(out, i, j, f(get(x, i, j)));
}
