/** What kernels cannot report: indices and lengths, which the host has written, are looked at before a run. */
import { IncacheError } from '../../errors.js';
import type { PlanStep, View } from '../../plan/types.js';

/** Numbers of a view of an `i32` buffer. */
type Integers = (view: View) => readonly number[];

/** Throws when an index leads out of its table, or a length is none. */
export function requireIndices(parts: readonly PlanStep[], integers: Integers): void {
  for (const { layer, op } of parts) {
    const where = layer ? ` of ${layer}` : '';
    if (op.op === 'gatherRows')
      for (const [i, value] of integers(op.index).entries())
        if (value < 0 || value >= op.table.rows)
          throw new IncacheError(
            `gatherRows${where}: index ${i} is ${value}; expected a row from 0 to ${op.table.rows - 1}`,
          );
    if (op.op === 'attention' && op.keyLengths)
      for (const [i, value] of integers(op.keyLengths).entries())
        if (value < 1 || value > op.keyLength)
          throw new IncacheError(
            `attention${where}: key length ${i} is ${value}; expected one from 1 to ${op.keyLength}`,
          );
  }
}
