import { writeThrough } from './epilogue.js';
import { dotRows, get, set } from './matrix.js';
import type { Operands } from './operands.js';

export function linear(m: Operands<'linear'>): void {
  for (let i = 0; i < m.out.rows; i++) {
    for (let j = 0; j < m.out.columns; j++) {
      const y = dotRows(m.x, i, m.weight, j) + (m.bias ? get(m.bias, 0, j) : 0);
      if (m.store) set(m.store, i, j, y);
      writeThrough(m, m.out, i, j, m.store ? get(m.store, i, j) : y);
    }
  }
}
