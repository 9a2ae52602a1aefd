/**
 * out = epilogue(x W^T + bias). A tile of work is a block of rows by a block of columns.
 *
 *     scratch   [tiles][the block of rows of x, in strips]
 *     weight    [panels][depth][8], zeros past the last column
 *
 * A panel stays in cache while all strips of the block pass over it.
 */
import { STRIP } from './control';
import { Epilogue, finishTiles } from './epilogue';
import { multiplyStrips, PANEL } from './microkernel';
import { packStrips } from './packing';
import { behindTiles, isPacked } from './scratch';
import { GROUP, tileBytes } from './tiles';

@unmanaged
export class LinearArguments {
  x: usize;
  xStride: usize;
  weight: usize;
  rows: i32;
  depth: i32;
  columns: i32;
  /** Rows of x packed at a time. */
  rowBlock: i32;
  /** Columns of a tile of work, a multiple of a panel. */
  columnBlock: i32;
  columnBlocks: i32;
  epilogue: Epilogue;
}

export function linear(a: LinearArguments, tile: i32, scratch: usize): void {
  const rowBlock = tile / a.columnBlocks;
  const row = rowBlock * a.rowBlock;
  const rows = min(a.rowBlock, a.rows - row);
  const strip = load<i32>(STRIP);
  const packed = behindTiles(scratch, a.rowBlock, GROUP);
  if (!isPacked(rowBlock))
    packStrips(a.x + <usize>row * a.xStride, a.xStride, 0, 0, rows, a.depth, strip, packed);
  const first = (tile % a.columnBlocks) * a.columnBlock;
  const end = min(first + a.columnBlock, a.columns);
  for (let column = first; column < end; column += GROUP) {
    const columns = min(GROUP, end - column);
    multiplyGroup(a, packed, rows, strip, column, columns, scratch);
    finishTiles(a.epilogue, scratch, tileBytes(a.rowBlock), row, rows, column, columns);
  }
}

/** Multiplies the strips by the panels from `column` on; each panel has its own tile. */
function multiplyGroup(
  a: LinearArguments,
  packed: usize,
  rows: i32,
  strip: i32,
  column: i32,
  columns: i32,
  tiles: usize,
): void {
  let panel = a.weight + ((<usize>column * <usize>a.depth) << 2);
  for (let j = 0; j < columns; j += PANEL) {
    multiplyStrips(packed, rows, a.depth, strip, panel, tiles, false);
    panel += (<usize>a.depth) << 5;
    tiles += tileBytes(a.rowBlock);
  }
}
