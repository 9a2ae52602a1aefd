/**
 * The two products of a low-rank increment on a block of rows. Inputs and outputs are strips in scratch, so each product
 * takes the output of the one before it as it is.
 */
import { multiplyStrips, PANEL, TILE_ROW } from './microkernel';
import { packRows } from './packing';

/** Computes h = x down^T as strips, minus C(h) unless its address is 0. `tile` is scratch for one panel's tile. */
export function projectDown(
  strips: usize,
  rows: i32,
  depth: i32,
  strip: i32,
  down: usize,
  rank: i32,
  cached: usize,
  cachedStride: usize,
  hidden: usize,
  tile: usize,
): void {
  for (let column = 0; column < rank; column += PANEL) {
    const columns = min(PANEL, rank - column);
    multiplyStrips(strips, rows, depth, strip, down + ((<usize>column * <usize>depth) << 2), tile, false);
    if (cached != 0) subtractFrom(tile, cached + ((<usize>column) << 2), cachedStride, rows, columns);
    packTile(tile, rows, columns, strip, rank, column, hidden);
  }
}

/** tile -= c. */
function subtractFrom(tile: usize, c: usize, cStride: usize, rows: i32, columns: i32): void {
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const place = tile + <usize>i * TILE_ROW + <usize>(j << 2);
      store<f32>(place, load<f32>(place) - load<f32>(c + <usize>i * cStride + <usize>(j << 2)));
    }
}

/** Packs the rows of a tile into strips of `depth` columns, from column `first` on. */
export function packTile(
  tile: usize,
  rows: i32,
  columns: i32,
  strip: i32,
  depth: i32,
  first: i32,
  strips: usize,
): void {
  for (let i = 0; i < rows; i += strip) {
    const height = min(strip, rows - i);
    const target = strips + ((<usize>i * <usize>depth + <usize>first * <usize>height) << 2);
    packRows(tile + <usize>i * TILE_ROW, TILE_ROW, 0, 0, height, columns, target, <usize>height);
  }
}

/** Multiplies strips by the panels of `columns` columns; each panel has its own tile of `bytes` bytes. */
export function projectUp(
  strips: usize,
  rows: i32,
  rank: i32,
  strip: i32,
  panels: usize,
  columns: i32,
  tiles: usize,
  bytes: usize,
): void {
  for (let j = 0; j < columns; j += PANEL) {
    multiplyStrips(strips, rows, rank, strip, panels, tiles, false);
    panels += (<usize>rank) << 5;
    tiles += bytes;
  }
}
