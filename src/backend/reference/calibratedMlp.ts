import { type EpilogueMatrices, writeThrough } from './epilogue.js';
import { gelu } from './gelu.js';
import { increment } from './increment.js';
import { dotRows, get, type Matrix, set, zeros } from './matrix.js';

interface FactorMatrices {
  readonly down: Matrix;
  readonly up: Matrix;
}

export interface CalibratedMlpMatrices extends EpilogueMatrices {
  readonly x: Matrix;
  readonly cachedInput?: Matrix | undefined;
  readonly cachedHidden?: Matrix | undefined;
  readonly cachedPreActivation: Matrix;
  readonly cachedOutput: Matrix;
  readonly fc1: FactorMatrices;
  readonly fc2: FactorMatrices;
  readonly out: Matrix;
}

export function calibratedMlp(m: CalibratedMlpMatrices): void {
  const dx = m.cachedInput ? increment(m.x, m.cachedInput) : m.x;
  const hidden = product(dx, m.fc1.down);
  if (m.cachedHidden) subtract(hidden, m.cachedHidden);
  const activated = activationIncrement(m.cachedPreActivation, product(hidden, m.fc1.up));
  const increments = product(product(activated, m.fc2.down), m.fc2.up);
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
  const result = zeros(d.rows, d.columns);
  for (let i = 0; i < d.rows; i++)
    for (let j = 0; j < d.columns; j++) {
      const c = get(cached, i, j);
      set(result, i, j, gelu(c + get(d, i, j)) - gelu(c));
    }
  return result;
}
