import { get, set } from './matrix.js';
import type { Operands } from './operands.js';

export function add({ x, y, out }: Operands<'add'>): void {
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j < x.columns; j++) set(out, i, j, get(x, i, j) + get(y, i % y.rows, j));
}
