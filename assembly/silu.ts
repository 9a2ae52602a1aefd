/** out = x sigmoid(x). A tile of work is a block of rows. */
import { silu4 } from './activations';
import { ElementwiseArguments, endRow } from './elementwise';
import { loadLanes, storeLanes } from './lanes';

export function silu(a: ElementwiseArguments, tile: i32): void {
  const end = endRow(a.rows, a.rowBlock, tile);
  for (let row = tile * a.rowBlock; row < end; row++)
    siluRow(a.x + <usize>row * a.xStride, a.out + <usize>row * a.outStride, a.columns);
}

function siluRow(x: usize, out: usize, columns: i32): void {
  for (; columns > 0; columns -= 4) {
    storeLanes(out, silu4(loadLanes(x, columns)), columns);
    x += 16;
    out += 16;
  }
}
