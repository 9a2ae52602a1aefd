/** From element to element: sums, activations, gates. */
import { activation, quotient, remainder } from './helpers.js';
import { kernel } from './kernel.js';

/** x[i] + y[i mod period]. */
export const add = kernel(['matrix', 'matrix', 'integer'], function add(x, y, period) {
  return x[this.thread.y][this.thread.x] + y[remainder(this.thread.y, period)][this.thread.x];
});

/** An activation, or with kind 0 a copy. */
export const activate = kernel(['matrix', 'integer'], function activate(x, kind) {
  return activation(x[this.thread.y][this.thread.x], kind);
});

/** residual + gate * activation(x); a row of `gate` serves `rowsPerGate` rows. A plain epilogue has the gate 1. */
export const epilogue = kernel(
  ['matrix', 'matrix', 'matrix', 'integer', 'integer'],
  function epilogue(x, gate, residual, rowsPerGate, kind) {
    const y = activation(x[this.thread.y][this.thread.x], kind);
    const g = gate[quotient(this.thread.y, rowsPerGate)][this.thread.x];
    return residual[this.thread.y][this.thread.x] + g * y;
  },
);

/** gelu(cached + x) - gelu(cached): the increment of the input of fc2. */
export const geluIncrement = kernel(['matrix', 'matrix', 'integer'], function geluIncrement(x, cached, kind) {
  const c = cached[this.thread.y][this.thread.x];
  return activation(c + x[this.thread.y][this.thread.x], kind) - activation(c, kind);
});

/** Sum of four terms, of which some may be absent. */
export const linearCombination = kernel(
  ['matrix', 'matrix', 'matrix', 'matrix', 'float', 'float', 'float', 'float'],
  function linearCombination(x0, x1, x2, x3, c0, c1, c2, c3) {
    const i = this.thread.y;
    const j = this.thread.x;
    return c0 * x0[i][j] + c1 * x1[i][j] + c2 * x2[i][j] + c3 * x3[i][j];
  },
);

/** Pairs of columns of a head, turned: neighbouring ones (`interleaved` 1), or one of each half. */
export const rotate = kernel(
  ['matrix', 'matrix', 'matrix', 'integer', 'integer', 'integer'],
  function rotate(x, cos, sin, half, period, interleaved) {
    const head = quotient(this.thread.x, 2 * half);
    const place = remainder(this.thread.x, 2 * half);
    let pair = remainder(place, half);
    let second = quotient(place, half);
    let a = 2 * half * head + pair;
    let b = a + half;
    if (interleaved === 1) {
      pair = quotient(place, 2);
      second = remainder(place, 2);
      a = 2 * half * head + 2 * pair;
      b = a + 1;
    }
    const row = remainder(this.thread.y, period);
    const c = cos[row][pair];
    const s = sin[row][pair];
    if (second === 1) return x[this.thread.y][a] * s + x[this.thread.y][b] * c;
    return x[this.thread.y][a] * c - x[this.thread.y][b] * s;
  },
);
