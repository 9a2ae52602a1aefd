import type { CalibratedMlpOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement } from '../operation.js';
import {
  balancedRowBlock,
  CALIBRATED_GROUP,
  CALIBRATED_STRIPS,
  PANEL,
  roundUp,
  rowBlockOf,
  TILES_A_THREAD,
  tileBytes,
} from '../tiling.js';
import { epilogueWords } from './epilogue.js';

export function calibratedMlp(op: CalibratedMlpOp, at: Placement): Operation {
  const { rows, columns: depth } = op.x;
  const [fc1, fc2] = op.factors;
  const [middle, columns] = [fc1!.up.rows, fc2!.up.rows];
  const [rank1, rank2] = [fc1!.down.rows, fc2!.down.rows];
  const whole = rowBlockOf(rows, depth, at.strip, CALIBRATED_STRIPS);
  const rowBlock =
    at.threads === 1 ? whole : balancedRowBlock(whole, rows, at.strip, at.threads * TILES_A_THREAD);
  const stripColumns = depth + rank1 + Math.min(CALIBRATED_GROUP, middle) + rank2;
  return {
    kernel: 'calibratedMlp',
    tiles: Math.ceil(rows / rowBlock),
    words: [
      ...matrix(op.x, at),
      ...matrix(op.cachedInput, at),
      ...matrix(op.cachedHidden, at),
      ...matrix(op.cachedPreActivation, at),
      rows,
      depth,
      middle,
      columns,
      rowBlock,
      at.panels(fc1!.down),
      at.panels(fc1!.up),
      rank1,
      at.panels(fc2!.down),
      at.panels(fc2!.up),
      rank2,
      epilogueWords(op, at),
    ],
    scratchBytes:
      tileBytes(rowBlock, CALIBRATED_GROUP) + rowBlock * (stripColumns + roundUp(rank2, PANEL)) * 4,
  };
}
