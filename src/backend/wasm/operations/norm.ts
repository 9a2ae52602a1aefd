import type { NormOp } from '../../../plan/types.js';
import { floatWord, matrix, type Operation, type Placement, vector } from '../operation.js';
import { elementRows, roundUp } from '../tiling.js';

/** Tiles that every thread should find, and the columns that a tile should have at least: several cache lines. */
const TILES_A_THREAD = 2;
const LEAST_COLUMNS = 64;

export function norm(op: NormOp, at: Placement): Operation {
  const { rows, columns } = op.x;
  const { span, groups } = op;
  const rowBlock = elementRows(columns);
  const parts = partsOf(op, at.threads);
  return {
    kernel: 'norm',
    tiles: span === 1 ? Math.ceil(rows / rowBlock) : (rows / span) * parts,
    words: [
      ...matrix(op.x, at),
      ...matrix(op.out, at),
      vector(op.gain, at),
      op.gain?.columns ?? 0,
      vector(op.bias, at),
      op.bias?.columns ?? 0,
      ...matrix(op.scale, at),
      ...matrix(op.shift, at),
      rows / (op.scale ?? op.shift ?? op.x).rows,
      rows,
      columns,
      columns / groups,
      span,
      rowBlock,
      parts,
      op.kind === 'rms' ? 1 : 0,
      op.epilogue === 'silu' ? 1 : 0,
      floatWord(op.epsilon),
    ],
    // Six vectors of float32 and two of float64, by column.
    scratchBytes: 10 * roundUp(columns, 4) * 4,
  };
}

/** Parts of the columns of an image whose rows are normalised together: whole groups. */
function partsOf({ x, span, groups }: NormOp, threads: number): number {
  if (threads === 1) return 1;
  const wanted = Math.ceil((TILES_A_THREAD * threads) / (x.rows / span));
  return Math.min(groups, Math.ceil(x.columns / LEAST_COLUMNS), wanted);
}
