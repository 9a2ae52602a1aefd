/**
 * out = epilogue(C(y) + up (down (x - C(x)))), or with C(h) = down C(x) given: up (down x - C(h)).
 * A tile of work is a block of rows by one factor pair; nothing between x and out leaves scratch.
 *
 *     scratch   [tiles][x - C(x) in strips][h in strips: what the second product takes as it is]
 *
 * C(y) is added as a bias would be, when tiles are finished: where h is 0, out is C(y) to the bit.
 */
import { STRIP } from './control';
import { Epilogue, finishTiles } from './epilogue';
import { multiplyStrips, PANEL, TILE_ROW } from './microkernel';
import { packStrips } from './packing';
import { behindTiles, isPacked } from './scratch';
import { CALIBRATED_GROUP, tileBytes } from './tiles';

@unmanaged
export class FactorPair {
  /** Packed as the weights of `linear`: rank columns of depth, and `columns` columns of rank. */
  down: usize;
  up: usize;
  rank: i32;
  columns: i32;
  /** Where its columns start in out, and its ranks in the cached hidden. */
  firstColumn: i32;
  firstRank: i32;
}

@unmanaged
export class CalibratedLinearArguments {
  x: usize;
  xStride: usize;
  /** One of cachedInput and cachedHidden is 0. */
  cachedInput: usize;
  cachedInputStride: usize;
  cachedHidden: usize;
  cachedHiddenStride: usize;
  rows: i32;
  depth: i32;
  rowBlock: i32;
  pairs: i32;
  pair: usize;
  epilogue: Epilogue;
}

export function calibratedLinear(a: CalibratedLinearArguments, tile: i32, scratch: usize): void {
  const rowBlock = tile / a.pairs;
  const pair = changetype<FactorPair>(a.pair + <usize>(tile % a.pairs) * offsetof<FactorPair>());
  const row = rowBlock * a.rowBlock;
  const rows = min(a.rowBlock, a.rows - row);
  const strip = load<i32>(STRIP);
  const packed = behindTiles(scratch, a.rowBlock, CALIBRATED_GROUP);
  if (!isPacked(rowBlock)) packIncrement(a, row, rows, strip, packed);
  const hidden = packed + ((<usize>a.rowBlock * <usize>a.depth) << 2);
  for (let column = 0; column < pair.rank; column += PANEL)
    projectDown(a, pair, packed, hidden, strip, row, rows, column, scratch);
  for (let column = 0; column < pair.columns; column += CALIBRATED_GROUP)
    projectUp(a, pair, hidden, strip, row, rows, column, scratch);
}

function packIncrement(a: CalibratedLinearArguments, row: i32, rows: i32, strip: i32, packed: usize): void {
  const cached = a.cachedInput == 0 ? 0 : a.cachedInput + <usize>row * a.cachedInputStride;
  packStrips(
    a.x + <usize>row * a.xStride,
    a.xStride,
    cached,
    a.cachedInputStride,
    rows,
    a.depth,
    strip,
    packed,
  );
}

/** Eight columns of h for all rows of the block. */
function projectDown(
  a: CalibratedLinearArguments,
  pair: FactorPair,
  packed: usize,
  hidden: usize,
  strip: i32,
  row: i32,
  rows: i32,
  column: i32,
  tiles: usize,
): void {
  const panel = pair.down + ((<usize>column * <usize>a.depth) << 2);
  const columns = min(PANEL, pair.rank - column);
  multiplyStrips(packed, rows, a.depth, strip, panel, tiles, false);
  if (a.cachedHidden != 0) subtractHidden(a, tiles, row, rows, pair.firstRank + column, columns);
  for (let i = 0; i < rows; i += strip) {
    const height = min(strip, rows - i);
    const target = hidden + ((<usize>i * <usize>pair.rank + <usize>column * <usize>height) << 2);
    transposeTile(tiles + <usize>i * TILE_ROW, height, columns, target);
  }
}

/** tile -= C(h). */
function subtractHidden(
  a: CalibratedLinearArguments,
  tile: usize,
  row: i32,
  rows: i32,
  column: i32,
  columns: i32,
): void {
  const cached = a.cachedHidden + ((<usize>column) << 2);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const place = tile + <usize>i * TILE_ROW + <usize>(j << 2);
      const c = load<f32>(cached + <usize>(row + i) * a.cachedHiddenStride + <usize>(j << 2));
      store<f32>(place, load<f32>(place) - c);
    }
}

/** Rows of a tile into the columns of a strip. */
function transposeTile(tile: usize, rows: i32, columns: i32, strip: usize): void {
  for (let j = 0; j < columns; j++) {
    for (let i = 0; i < rows; i++) {
      store<f32>(strip, load<f32>(tile + <usize>i * TILE_ROW + <usize>(j << 2)));
      strip += 4;
    }
  }
}

/** A group of columns of out for all rows of the block. */
function projectUp(
  a: CalibratedLinearArguments,
  pair: FactorPair,
  hidden: usize,
  strip: i32,
  row: i32,
  rows: i32,
  column: i32,
  tiles: usize,
): void {
  const bytes = tileBytes(a.rowBlock);
  const columns = min(CALIBRATED_GROUP, pair.columns - column);
  const target = pair.firstColumn + column;
  let panel = pair.up + ((<usize>column * <usize>pair.rank) << 2);
  let tile = tiles;
  for (let j = 0; j < columns; j += PANEL) {
    multiplyStrips(hidden, rows, pair.rank, strip, panel, tile, false);
    panel += (<usize>pair.rank) << 5;
    tile += bytes;
  }
  finishTiles(a.epilogue, tiles, bytes, row, rows, target, columns);
}
