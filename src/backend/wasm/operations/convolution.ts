import { convolvedSize } from '../../../plan/convolution.js';
import type { ConvolutionOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement } from '../operation.js';
import { columnBlockOf, rowBlockOf, TILES_A_THREAD, tileBytes } from '../tiling.js';
import { convolutionEpilogueWords } from './epilogue.js';

/** Elements of the depth that are packed at a time: as many as the micro-kernel multiplies at a time. */
const DEPTH_BLOCK = 1152;
/** Size of the struct of places in `assembly/convolution.ts`. */
const PLACES_BYTES = 128;

export function convolution(op: ConvolutionOp, at: Placement): Operation {
  const { rows, columns } = op.out;
  const depth = op.weight.columns;
  const depthBlock = Math.min(depth, DEPTH_BLOCK);
  const rowBlock = rowBlockOf(rows, depthBlock, at.strip);
  const rowBlocks = Math.ceil(rows / rowBlock);
  const parts = at.threads === 1 ? 1 : Math.ceil((at.threads * TILES_A_THREAD) / rowBlocks);
  const columnBlock = columnBlockOf(columns, parts);
  const columnBlocks = Math.ceil(columns / columnBlock);
  const { height, width } = convolvedSize(op);
  return {
    kernel: 'convolution',
    tiles: rowBlocks * columnBlocks,
    words: [
      ...matrix(op.x, at),
      at.panels(op.weight, op.kernel ** 2),
      rows,
      op.x.columns,
      depth,
      columns,
      rowBlock,
      columnBlock,
      columnBlocks,
      depthBlock,
      op.height,
      op.width,
      height,
      width,
      op.kernel,
      op.stride,
      op.upsample - 1,
      op.padTop,
      op.padLeft,
      convolutionEpilogueWords(op, at),
    ],
    scratchBytes: tileBytes(rowBlock, columnBlock) + PLACES_BYTES + (rowBlock + 1) * depthBlock * 4,
  };
}
