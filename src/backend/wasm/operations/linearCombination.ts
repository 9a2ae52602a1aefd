import type { LinearCombinationOp } from '../../../plan/types.js';
import { floatWord, matrix, type Operation, type Placement } from '../operation.js';
import { elementRows } from '../tiling.js';

export function linearCombination({ terms, out }: LinearCombinationOp, at: Placement): Operation {
  const { rows, columns } = out;
  const rowBlock = elementRows(columns);
  const table = terms.flatMap(({ x, coefficient }) => [...matrix(x, at), floatWord(coefficient)]);
  return {
    kernel: 'linearCombination',
    tiles: Math.ceil(rows / rowBlock),
    words: [...matrix(out, at), rows, columns, rowBlock, table, terms.length],
  };
}
