import type { TimestepEmbeddingOp } from '../../../plan/types.js';
import { doubleWords, matrix, type Operation, type Placement } from '../operation.js';

/** The frequencies depend on the operation alone and are part of its arguments. */
export function timestepEmbedding(op: TimestepEmbeddingOp, at: Placement): Operation {
  const half = op.out.columns / 2;
  const frequencies = Array.from({ length: half }, (_, i) => Math.exp((-Math.log(op.maxPeriod) * i) / half));
  return {
    kernel: 'timestepEmbedding',
    tiles: op.out.rows,
    words: [...matrix(op.x, at), ...matrix(op.out, at), doubleWords(frequencies), half],
  };
}
