/** out = gelu(x), the tanh form. A tile of work is a block of rows. */
import { geluRow } from './activations';
import { ElementwiseArguments, endRow } from './elementwise';

export function gelu(a: ElementwiseArguments, tile: i32): void {
  const end = endRow(a.rows, a.rowBlock, tile);
  for (let row = tile * a.rowBlock; row < end; row++)
    geluRow(a.x + <usize>row * a.xStride, a.out + <usize>row * a.outStride, a.columns);
}
