import type { SecondMomentOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement } from '../operation.js';
import { PANEL, rowBlockOf, tileBytes } from '../tiling.js';

/** A product of the columns of d with themselves: its depth is the rows of x. */
export function secondMoment(op: SecondMomentOp, at: Placement): Operation {
  const { rows, columns } = op.x;
  const rowBlock = rowBlockOf(columns, rows, at.strip);
  return {
    kernel: 'secondMoment',
    tiles: Math.ceil(columns / rowBlock),
    words: [...matrix(op.x, at), ...matrix(op.previous, at), ...matrix(op.out, at), rows, columns, rowBlock],
    scratchBytes: tileBytes(rowBlock) + (rowBlock + PANEL) * rows * 4,
  };
}
