import type { AttentionOp } from '../../../plan/types.js';
import { floatWord, matrix, type Operation, type Placement } from '../operation.js';
import { PANEL, roundUp } from '../tiling.js';

/** As in `assembly/attention.ts`. */
const KEY_BLOCK = 128;
const STATE_BYTES = 64;
/** Queries of a tile: each tile packs the keys and values again. */
const MOST_QUERIES = 256;
const LEAST_QUERIES = 64;
/** Tiles that a thread should have before tiles are made larger. */
const TILES_A_THREAD = 4;

export function attention(op: AttentionOp, at: Placement): Operation {
  const { heads, queryLength, keyLength } = op;
  const images = op.q.rows / queryLength;
  const headDim = op.q.columns / heads;
  const queryBlock = queryBlockOf(queryLength, images * heads, at.threads);
  const queryBlocks = Math.ceil(queryLength / queryBlock);
  const perPanel = 2 * headDim * PANEL * 4 + STATE_BYTES;
  return {
    kernel: 'attention',
    tiles: images * heads * queryBlocks,
    words: [
      ...matrix(op.q, at),
      ...matrix(op.k, at),
      ...matrix(op.v, at),
      ...matrix(op.out, at),
      heads,
      headDim,
      queryLength,
      keyLength,
      floatWord(op.scale),
      ...matrix(op.keyLengths, at),
      ...matrix(op.bias, at),
      ...matrix(op.keyBias, at),
      op.mask === 'causal' ? 1 : 0,
      queryBlock,
      queryBlocks,
    ],
    scratchBytes: (queryBlock / PANEL) * perPanel + 2 * headDim * KEY_BLOCK * 4 + KEY_BLOCK * PANEL * 4,
  };
}

function queryBlockOf(queryLength: number, heads: number, threads: number): number {
  let block = MOST_QUERIES;
  while (
    threads > 1 &&
    block > LEAST_QUERIES &&
    heads * Math.ceil(queryLength / block) < threads * TILES_A_THREAD
  )
    block /= 2;
  return Math.min(block, roundUp(queryLength, PANEL));
}
