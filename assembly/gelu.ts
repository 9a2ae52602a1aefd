/** out = gelu(x), in one of its forms. A tile of work is a block of rows. */
import { activateRow } from './activations';
import { ElementwiseArguments, endRow } from './elementwise';

@unmanaged
export class GeluArguments extends ElementwiseArguments {
  /** As an epilogue of that form. */
  kind: i32;
}

export function gelu(a: GeluArguments, tile: i32): void {
  const end = endRow(a.rows, a.rowBlock, tile);
  for (let row = tile * a.rowBlock; row < end; row++)
    activateRow(a.kind, a.x + <usize>row * a.xStride, a.out + <usize>row * a.outStride, a.columns);
}
