import { IncacheError } from '../../errors.js';
import { get, set } from './matrix.js';
import type { Operands } from './operands.js';

export function gatherRows({ table, index, out }: Operands<'gatherRows'>): void {
  for (let i = 0; i < out.rows; i++) {
    const row = get(index, i, 0);
    if (row < 0 || row >= table.rows)
      throw new IncacheError(`gatherRows: index ${i} is ${row}; expected a row from 0 to ${table.rows - 1}`);
    for (let j = 0; j < out.columns; j++) set(out, i, j, get(table, row, j));
  }
}
