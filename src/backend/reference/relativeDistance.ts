import { increment } from './increment.js';
import { get, type Matrix, set } from './matrix.js';
import type { Operands } from './operands.js';

export function relativeDistance({ x, previous, norm, out }: Operands<'relativeDistance'>): void {
  const distance = normOf(increment(x, previous), norm);
  set(out, 0, 0, distance === 0 ? 0 : distance / normOf(previous, norm));
}

function normOf(m: Matrix, norm: number): number {
  let sum = 0;
  for (let i = 0; i < m.rows; i++)
    for (let j = 0; j < m.columns; j++) sum += norm === 1 ? Math.abs(get(m, i, j)) : get(m, i, j) ** 2;
  return norm === 1 ? sum : Math.sqrt(sum);
}
