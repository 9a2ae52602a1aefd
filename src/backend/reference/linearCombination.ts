import { finishRow, get, set } from './matrix.js';
import type { Operands } from './operands.js';

export function linearCombination({ terms, out }: Operands<'linearCombination'>): void {
  for (let i = 0; i < out.rows; i++) {
    for (let j = 0; j < out.columns; j++)
      set(
        out,
        i,
        j,
        terms.reduce((sum, { x, coefficient }) => sum + coefficient * get(x, i, j), 0),
      );
    finishRow(out, i);
  }
}
