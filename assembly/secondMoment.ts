/**
 * out = d^T d with d = x - previous, summed over all rows: the product of the columns of d with themselves, whose depth is
 * the number of rows of d (M). A tile of work is a block of rows of out.
 *
 *     scratch   [tiles][a block of columns of d, in strips of [M][rows]][one panel of d, [M][8]]
 */
import { STRIP } from './control';
import { clearPanel } from './floats';
import { storeLanes } from './lanes';
import { multiplyStrips, PANEL, TILE_ROW } from './microkernel';
import { packColumns } from './packing';
import { behindTiles } from './scratch';
import { GROUP } from './tiles';

@unmanaged
export class SecondMomentArguments {
  x: usize;
  xStride: usize;
  /** 0 when absent. */
  previous: usize;
  previousStride: usize;
  out: usize;
  outStride: usize;
  rows: i32;
  columns: i32;
  /** Rows of out in a tile of work. */
  rowBlock: i32;
}

export function secondMoment(a: SecondMomentArguments, tile: i32, scratch: usize): void {
  const strip = load<i32>(STRIP);
  const first = tile * a.rowBlock;
  const height = min(a.rowBlock, a.columns - first);
  const strips = behindTiles(scratch, a.rowBlock, GROUP);
  const panel = strips + ((<usize>a.rowBlock * <usize>a.rows) << 2);
  for (let i = 0; i < height; i += strip) {
    const rows = min(strip, height - i);
    packDifference(a, first + i, rows, strips + ((<usize>i * <usize>a.rows) << 2), rows);
  }
  clearPanel(panel, a.rows);
  for (let column = 0; column < a.columns; column += PANEL)
    multiplyPanel(a, strips, strip, first, height, column, panel, scratch);
}

function packDifference(
  a: SecondMomentArguments,
  column: i32,
  columns: i32,
  target: usize,
  pitch: i32,
): void {
  const offset = (<usize>column) << 2;
  const previous = a.previous == 0 ? 0 : a.previous + offset;
  packColumns(a.x + offset, a.xStride, previous, a.previousStride, columns, a.rows, target, <usize>pitch);
}

/** Eight columns of out. */
function multiplyPanel(
  a: SecondMomentArguments,
  strips: usize,
  strip: i32,
  first: i32,
  height: i32,
  column: i32,
  panel: usize,
  tiles: usize,
): void {
  const columns = min(PANEL, a.columns - column);
  packDifference(a, column, columns, panel, PANEL);
  multiplyStrips(strips, height, a.rows, strip, panel, tiles, false);
  let out = a.out + <usize>first * a.outStride + ((<usize>column) << 2);
  for (let row = 0; row < height; row++) {
    storeLanes(out, v128.load(tiles, 0), columns);
    if (columns > 4) storeLanes(out + 16, v128.load(tiles, 16), columns - 4);
    out += a.outStride;
    tiles += TILE_ROW;
  }
}
