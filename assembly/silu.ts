/** out = x sigmoid(x). A tile of work is a block of rows. */
import { activateRow, SILU } from './activations';
import { ElementwiseArguments, endRow } from './elementwise';

export function silu(a: ElementwiseArguments, tile: i32): void {
  const end = endRow(a.rows, a.rowBlock, tile);
  for (let row = tile * a.rowBlock; row < end; row++)
    activateRow(SILU, a.x + <usize>row * a.xStride, a.out + <usize>row * a.outStride, a.columns);
}
