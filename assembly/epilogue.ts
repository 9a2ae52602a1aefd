/**
 * What happens to a finished tile of a product: bias, store of the value so far, activation or gated
 * residual, and the write to `out`, which may be the view that `residual` is.
 */
import { gelu4, silu4 } from './activations';
import { multiplyAdd } from './arithmetic';
import { loadLanes, storeLanes } from './lanes';
import { TILE_ROW } from './microkernel';

export const NONE: i32 = 0;
export const GELU: i32 = 1;
export const SILU: i32 = 2;
export const GATE_RESIDUAL: i32 = 3;

/** Addresses are 0 where an operand is absent; strides are in bytes. */
@unmanaged
export class Epilogue {
  kind: i32;
  bias: usize;
  store: usize;
  storeStride: usize;
  out: usize;
  outStride: usize;
  gate: usize;
  gateStride: usize;
  residual: usize;
  residualStride: usize;
  /** Rows of `out` that share a row of `gate`. */
  rowsPerImage: i32;
}

/** Finishes the tile at (`row`, `column`) of the output, `rows` x `columns` of which are inside it. */
export function finishTile(e: Epilogue, tile: usize, row: i32, rows: i32, column: i32, columns: i32): void {
  for (let i = 0; i < rows; i++) {
    if (columns == 8) finishFullRow(e, tile, row + i, column);
    else finishPartialRow(e, tile, row + i, column, columns);
    tile += TILE_ROW;
  }
}

function finishFullRow(e: Epilogue, tile: usize, row: i32, column: i32): void {
  Inline.finishQuad(e, v128.load(tile, 0), row, column, 4);
  Inline.finishQuad(e, v128.load(tile, 16), row, column + 4, 4);
}

function finishPartialRow(e: Epilogue, tile: usize, row: i32, column: i32, columns: i32): void {
  Inline.finishQuad(e, v128.load(tile, 0), row, column, min(columns, 4));
  if (columns > 4) Inline.finishQuad(e, v128.load(tile, 16), row, column + 4, columns - 4);
}

/** A class, because TypeScript takes decorators on methods only. */
class Inline {
  @inline
  static finishQuad(e: Epilogue, product: v128, row: i32, column: i32, lanes: i32): void {
    const offset = (<usize>column) << 2;
    let y = product;
    if (e.bias != 0) y = f32x4.add(y, loadLanes(e.bias + offset, lanes));
    if (e.store != 0) storeLanes(e.store + <usize>row * e.storeStride + offset, y, lanes);
    if (e.kind == GELU) y = gelu4(y);
    else if (e.kind == SILU) y = silu4(y);
    else if (e.kind == GATE_RESIDUAL) {
      const gate = e.gate + <usize>(row / e.rowsPerImage) * e.gateStride + offset;
      const residual = e.residual + <usize>row * e.residualStride + offset;
      y = multiplyAdd(loadLanes(gate, lanes), y, loadLanes(residual, lanes));
    }
    storeLanes(e.out + <usize>row * e.outStride + offset, y, lanes);
  }
}
