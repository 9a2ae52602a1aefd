import type { GatherRowsOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement } from '../operation.js';

export function gatherRows(op: GatherRowsOp, at: Placement): Operation {
  return {
    kernel: 'gatherRows',
    tiles: op.out.rows,
    words: [
      ...matrix(op.table, at),
      op.table.rows,
      ...matrix(op.index, at),
      ...matrix(op.out, at),
      op.out.columns,
    ],
  };
}
