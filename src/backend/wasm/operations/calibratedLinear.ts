import type { CalibratedLinearOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement, type Word } from '../operation.js';
import {
  balancedRowBlock,
  CALIBRATED_GROUP,
  CALIBRATED_STRIPS,
  rowBlockOf,
  TILES_A_THREAD,
  tileBytes,
} from '../tiling.js';
import { epilogueWords } from './epilogue.js';

export function calibratedLinear(op: CalibratedLinearOp, at: Placement): Operation {
  const { rows, columns: depth } = op.x;
  const pairs = op.factors.length;
  const whole = rowBlockOf(rows, depth, at.strip, CALIBRATED_STRIPS);
  const rowBlock =
    at.threads === 1 ? whole : balancedRowBlock(whole, rows, at.strip, (at.threads * TILES_A_THREAD) / pairs);
  const largestRank = Math.max(...op.factors.map(({ down }) => down.rows));
  return {
    kernel: 'calibratedLinear',
    tiles: Math.ceil(rows / rowBlock) * pairs,
    words: [
      ...matrix(op.x, at),
      ...matrix(op.cachedInput, at),
      ...matrix(op.cachedHidden, at),
      rows,
      depth,
      rowBlock,
      pairs,
      pairWords(op, at),
      epilogueWords(op, at),
    ],
    scratchBytes: tileBytes(rowBlock, CALIBRATED_GROUP) + rowBlock * (depth + largestRank) * 4,
  };
}

/** The pairs one after another, each with where its output columns and ranks start. */
function pairWords(op: CalibratedLinearOp, at: Placement): Word[] {
  const words: Word[] = [];
  let firstColumn = 0;
  let firstRank = 0;
  for (const { down, up } of op.factors) {
    words.push(at.panels(down), at.panels(up), down.rows, up.rows, firstColumn, firstRank);
    firstColumn += up.rows;
    firstRank += down.rows;
  }
  return words;
}
