import { get, type Matrix, rounded, set, zeros } from './matrix.js';

/** x - C(x), with x rounded as C(x) was, so that an x that has not changed leaves nothing. */
export function increment(x: Matrix, cached: Matrix): Matrix {
  const dx = zeros(x.rows, x.columns);
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j < x.columns; j++) set(dx, i, j, rounded(get(x, i, j), cached.type) - get(cached, i, j));
  return dx;
}
