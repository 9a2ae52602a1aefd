import type { LinearOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement } from '../operation.js';
import { columnBlockOf, roundUp, rowBlockOf, TILES_A_THREAD, tileBytes } from '../tiling.js';
import { epilogueWords } from './epilogue.js';

/** Rows of a strip of the int8 micro-kernel. */
const INT8_STRIP = 4;

export function linear(op: LinearOp, at: Placement): Operation {
  const quantized = at.quantized(op);
  const { rows, columns: depth } = op.x;
  const columns = op.out.columns;
  const rowBlock = rowBlockOf(rows, depth, quantized ? INT8_STRIP : at.strip);
  const rowBlocks = Math.ceil(rows / rowBlock);
  const columnBlock = columnBlockOf(columns, columnParts(rowBlocks, at.threads));
  const columnBlocks = Math.ceil(columns / columnBlock);
  const weight = quantized ? quantized.panels : at.panels(op.weight);
  const words = [
    ...matrix(op.x, at),
    weight,
    rows,
    depth,
    columns,
    rowBlock,
    columnBlock,
    columnBlocks,
    epilogueWords(op, at),
  ];
  const tiles = rowBlocks * columnBlocks;
  if (!quantized)
    return { kernel: 'linear', tiles, words, scratchBytes: tileBytes(rowBlock) + rowBlock * depth * 4 };
  const scratchBytes = tileBytes(rowBlock) + roundUp(rowBlock * 4, 64) + rowBlock * roundUp(depth, 2) * 2;
  return { kernel: 'linearInt8', tiles, words: [...words, quantized.scales], scratchBytes };
}

/** A thread packs a block of rows for each of its tiles of it: columns are parted only between threads. */
function columnParts(rowBlocks: number, threads: number): number {
  return threads === 1 ? 1 : Math.ceil((threads * TILES_A_THREAD) / rowBlocks);
}
