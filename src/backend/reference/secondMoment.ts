import { get, set } from './matrix.js';
import type { Operands } from './operands.js';

export function secondMoment({ x, previous, out }: Operands<'secondMoment'>): void {
  const value = (i: number, j: number) => get(x, i, j) - (previous ? get(previous, i, j) : 0);
  for (let a = 0; a < x.columns; a++) {
    for (let b = 0; b < x.columns; b++) {
      let sum = 0;
      for (let i = 0; i < x.rows; i++) sum += value(i, a) * value(i, b);
      set(out, a, b, sum);
    }
  }
}
