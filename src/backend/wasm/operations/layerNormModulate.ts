import type { LayerNormModulateOp } from '../../../plan/types.js';
import { floatWord, matrix, type Operation, type Placement } from '../operation.js';
import { elementRows } from '../tiling.js';

export function layerNormModulate(op: LayerNormModulateOp, at: Placement): Operation {
  const { rows, columns } = op.x;
  const rowBlock = elementRows(columns);
  return {
    kernel: 'layerNormModulate',
    tiles: Math.ceil(rows / rowBlock),
    words: [
      ...matrix(op.x, at),
      ...matrix(op.shift, at),
      ...matrix(op.scale, at),
      ...matrix(op.out, at),
      rows,
      columns,
      rowBlock,
      rows / op.shift.rows,
      floatWord(op.epsilon),
    ],
  };
}
