/**
 * Finishes the tiles of a product: adds bias or cached output, stores the value so far, applies an activation or a gated
 * residual, and writes to `out`, which may be the same view as `residual`.
 */
import { activateRow } from './activations';
import { multiplyAdd } from './arithmetic';
import { loadLanes, storeLanes } from './lanes';
import { PANEL, TILE_ROW } from './microkernel';
import { quadOf } from './tiles';

/** Kinds in addition to those of `activations.ts`. */
const GATE_RESIDUAL: i32 = 3;
const RESIDUAL: i32 = 4;
const GATE: i32 = 5;

/** Addresses are 0 where an operand is absent; strides are in bytes. */
@unmanaged
export class Epilogue {
  kind: i32;
  bias: usize;
  /** The cached output of a calibrated linear: added like a bias, but each row of the output has its own. */
  base: usize;
  baseStride: usize;
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

/** Finishes a row across all tiles, so that every cache line is touched once. */
function finishRow(e: Epilogue, tile: usize, bytes: usize, row: i32, column: i32, columns: i32): void {
  writeRow(e, tile, bytes, row, column, columns);
  const out = e.out + <usize>row * e.outStride + ((<usize>column) << 2);
  activateRow(e.kind, out, out, columns);
}

/** Everything but the activation. */
function writeRow(e: Epilogue, tile: usize, bytes: usize, row: i32, column: i32, columns: i32): void {
  const gated = e.kind == GATE_RESIDUAL;
  const added = e.kind == RESIDUAL;
  const multiplied = e.kind == GATE;
  const offset = (<usize>column) << 2;
  let out = e.out + <usize>row * e.outStride + offset;
  let bias = e.bias == 0 ? 0 : e.bias + offset;
  let base = e.base == 0 ? 0 : e.base + <usize>row * e.baseStride + offset;
  let stored = e.store == 0 ? 0 : e.store + <usize>row * e.storeStride + offset;
  let gate = e.gate + <usize>(row / e.rowsPerImage) * e.gateStride + offset;
  let residual = e.residual + <usize>row * e.residualStride + offset;
  for (; columns >= PANEL; columns -= PANEL) {
    let y0 = v128.load(tile, 0),
      y1 = v128.load(tile, 16);
    if (bias != 0) {
      y0 = f32x4.add(y0, v128.load(bias, 0));
      y1 = f32x4.add(y1, v128.load(bias, 16));
      bias += TILE_ROW;
    }
    if (base != 0) {
      y0 = f32x4.add(v128.load(base, 0), y0);
      y1 = f32x4.add(v128.load(base, 16), y1);
      base += TILE_ROW;
    }
    if (stored != 0) {
      v128.store(stored, y0, 0);
      v128.store(stored, y1, 16);
      stored += TILE_ROW;
    }
    if (gated) {
      y0 = multiplyAdd(v128.load(gate, 0), y0, v128.load(residual, 0));
      y1 = multiplyAdd(v128.load(gate, 16), y1, v128.load(residual, 16));
      gate += TILE_ROW;
      residual += TILE_ROW;
    }
    if (multiplied) {
      y0 = f32x4.mul(v128.load(gate, 0), y0);
      y1 = f32x4.mul(v128.load(gate, 16), y1);
      gate += TILE_ROW;
    }
    if (added) {
      y0 = f32x4.add(v128.load(residual, 0), y0);
      y1 = f32x4.add(v128.load(residual, 16), y1);
      residual += TILE_ROW;
    }
    v128.store(out, y0, 0);
    v128.store(out, y1, 16);
    tile += bytes;
    out += TILE_ROW;
  }
  for (let j: usize = 0; columns > 0; columns -= 4, j += 16) {
    let y = v128.load(tile + j);
    if (bias != 0) y = f32x4.add(y, loadLanes(bias + j, columns));
    if (base != 0) y = f32x4.add(loadLanes(base + j, columns), y);
    if (stored != 0) storeLanes(stored + j, y, columns);
    if (gated) y = multiplyAdd(loadLanes(gate + j, columns), y, loadLanes(residual + j, columns));
    if (multiplied) y = f32x4.mul(loadLanes(gate + j, columns), y);
    if (added) y = f32x4.add(loadLanes(residual + j, columns), y);
    storeLanes(out + j, y, columns);
  }
}
