import { writeThrough } from './epilogue.js';
import { increment } from './increment.js';
import { dotRows, get, set, zeros } from './matrix.js';
import type { Operands } from './operands.js';

export function calibratedLinear(m: Operands<'calibratedLinear'>): void {
  const dx = m.cachedInput ? increment(m.x, m.cachedInput) : m.x;
  let firstColumn = 0;
  let firstRank = 0;
  for (const { down, up } of m.factors) {
    const hidden = zeros(dx.rows, down.rows);
    for (let i = 0; i < dx.rows; i++) {
      for (let k = 0; k < down.rows; k++) {
        const cached = m.cachedHidden ? get(m.cachedHidden, i, firstRank + k) : 0;
        set(hidden, i, k, dotRows(dx, i, down, k) - cached);
      }
      for (let j = 0; j < up.rows; j++) {
        const y = get(m.cachedOutput, i, firstColumn + j) + dotRows(hidden, i, up, j);
        writeThrough(m, m.out, i, firstColumn + j, y);
      }
    }
    firstColumn += up.rows;
    firstRank += down.rows;
  }
}
