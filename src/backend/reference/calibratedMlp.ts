import { writeThrough } from './epilogue.js';
import { geluOf } from './gelu.js';
import { increment } from './increment.js';
import { dotRows, get, type Matrix, set, zeros } from './matrix.js';
import type { Operands } from './operands.js';

type Factor = Operands<'calibratedMlp'>['factors'][number];

export function calibratedMlp(m: Operands<'calibratedMlp'>): void {
  const [fc1, fc2] = m.factors as [Factor, Factor];
  const dx = m.cachedInput ? increment(m.x, m.cachedInput) : m.x;
  const hidden = product(dx, fc1.down);
  if (m.cachedHidden) subtract(hidden, m.cachedHidden);
  const activated = activationIncrement(m.cachedPreActivation, product(hidden, fc1.up));
  const increments = product(product(activated, fc2.down), fc2.up);
  for (let i = 0; i < m.out.rows; i++)
    for (let j = 0; j < m.out.columns; j++)
      writeThrough(m, m.out, i, j, get(m.cachedOutput, i, j) + get(increments, i, j));
}

/** a b^T. */
function product(a: Matrix, b: Matrix): Matrix {
  const c = zeros(a.rows, b.rows);
  for (let i = 0; i < c.rows; i++) for (let j = 0; j < c.columns; j++) set(c, i, j, dotRows(a, i, b, j));
  return c;
}

function subtract(a: Matrix, b: Matrix): void {
  for (let i = 0; i < a.rows; i++)
    for (let j = 0; j < a.columns; j++) set(a, i, j, get(a, i, j) - get(b, i, j));
}

/** gelu(C(y1) + d) - gelu(C(y1)). */
function activationIncrement(cached: Matrix, d: Matrix): Matrix {
  const gelu = geluOf('tanh');
  const result = zeros(d.rows, d.columns);
  for (let i = 0; i < d.rows; i++)
    for (let j = 0; j < d.columns; j++) {
      const c = get(cached, i, j);
      set(result, i, j, gelu(c + get(d, i, j)) - gelu(c));
    }
  return result;
}
