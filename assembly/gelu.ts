/** out = gelu(x), the tanh form. A tile of work is a block of rows. */
import { gelu4 } from './activations';
import { ElementwiseArguments, endRow } from './elementwise';
import { loadLanes, storeLanes } from './lanes';

export function gelu(a: ElementwiseArguments, tile: i32): void {
  const end = endRow(a.rows, a.rowBlock, tile);
  for (let row = tile * a.rowBlock; row < end; row++)
    geluRow(a.x + <usize>row * a.xStride, a.out + <usize>row * a.outStride, a.columns);
}

function geluRow(x: usize, out: usize, columns: i32): void {
  for (; columns > 0; columns -= 4) {
    storeLanes(out, gelu4(loadLanes(x, columns)), columns);
    x += 16;
    out += 16;
  }
}
