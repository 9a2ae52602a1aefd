/**
 * What happens to finished tiles of a product: bias, store of the value so far, activation or gated
 * residual, and the write to `out`, which may be the view that `residual` is.
 */
import { gelu4, silu4 } from './activations';
import { multiplyAdd } from './arithmetic';
import { loadLanes, storeLanes } from './lanes';
import { quadOf } from './tiles';

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

/** Finishes tiles of `bytes` bytes each: `rows` x `columns` at (`row`, `column`) of the output. */
export function finishTiles(
  e: Epilogue,
  tiles: usize,
  bytes: usize,
  row: i32,
  rows: i32,
  column: i32,
  columns: i32,
): void {
  for (let i = 0; i < rows; i++) finishRow(e, quadOf(tiles, bytes, i, 0), bytes, row + i, column, columns);
}

/** A row across the tiles, so that every line of memory is touched once. */
function finishRow(e: Epilogue, tiles: usize, bytes: usize, row: i32, column: i32, columns: i32): void {
  const kind = e.kind;
  const offset = (<usize>column) << 2;
  const out = e.out + <usize>row * e.outStride + offset;
  const bias = e.bias == 0 ? 0 : e.bias + offset;
  const stored = e.store == 0 ? 0 : e.store + <usize>row * e.storeStride + offset;
  const gate = e.gate + <usize>(row / e.rowsPerImage) * e.gateStride + offset;
  const residual = e.residual + <usize>row * e.residualStride + offset;
  for (let j = 0; j < columns; j += 4) {
    const lanes = columns - j;
    const place = (<usize>j) << 2;
    let y = v128.load(quadOf(tiles, bytes, 0, j));
    if (bias != 0) y = f32x4.add(y, loadLanes(bias + place, lanes));
    if (stored != 0) storeLanes(stored + place, y, lanes);
    if (kind == GELU) y = gelu4(y);
    else if (kind == SILU) y = silu4(y);
    else if (kind == GATE_RESIDUAL)
      y = multiplyAdd(loadLanes(gate + place, lanes), y, loadLanes(residual + place, lanes));
    storeLanes(out + place, y, lanes);
  }
}
