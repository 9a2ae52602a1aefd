import type { View } from '../../../plan/types.js';
import { type Kernel, matrix, type Operation, type Placement, type Word } from '../operation.js';
import { elementRows } from '../tiling.js';

/** An operation that goes element by element from `x` to `out`, `more` being what its kernel takes besides. */
export function elementwise(
  kernel: Kernel,
  op: { readonly x: View; readonly out: View },
  at: Placement,
  more: readonly Word[] = [],
): Operation {
  const { rows, columns } = op.x;
  const rowBlock = elementRows(columns);
  return {
    kernel,
    tiles: Math.ceil(rows / rowBlock),
    words: [...matrix(op.x, at), ...matrix(op.out, at), rows, columns, rowBlock, ...more],
  };
}
