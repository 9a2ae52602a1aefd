/**
 * y1 = C(y1) + up1 (down1 (x - C(x))), or up1 (down1 x - C(h)) with C(h) given;
 * out = epilogue(C(y2) + up2 (down2 (gelu(y1) - gelu(C(y1))))). A tile of work is a block of rows.
 *
 * The columns between the two linears are made a group at a time, and down2 of each group is added to h2 at once, so
 * that they never are in memory together:
 *
 *     scratch   [tiles of a group][x - C(x) in strips][h1 in strips]
 *               [GELU difference of a group in strips][tiles of h2][h2 in strips]
 *
 * Where h1 is 0 the difference is 0, and out is epilogue(C(y2)) to the bit.
 */
import { geluDifference } from './activations';
import { STRIP } from './control';
import { Epilogue, finishTiles } from './epilogue';
import { packTile, projectDown, projectUp } from './lowRank';
import { multiplyStrips, PANEL } from './microkernel';
import { packStrips } from './packing';
import { behindTiles } from './scratch';
import { CALIBRATED_GROUP, quadOf, tileBytes } from './tiles';

@unmanaged
export class CalibratedMlpArguments {
  x: usize;
  xStride: usize;
  /** One of cachedInput and cachedHidden is 0. */
  cachedInput: usize;
  cachedInputStride: usize;
  cachedHidden: usize;
  cachedHiddenStride: usize;
  cachedPreActivation: usize;
  cachedPreActivationStride: usize;
  rows: i32;
  depth: i32;
  /** Columns between the two linears. */
  middle: i32;
  columns: i32;
  rowBlock: i32;
  /** Packed as the weights of `linear`. */
  down1: usize;
  up1: usize;
  rank1: i32;
  down2: usize;
  up2: usize;
  rank2: i32;
  epilogue: Epilogue;
}

export function calibratedMlp(a: CalibratedMlpArguments, tile: i32, scratch: usize): void {
  const row = tile * a.rowBlock;
  const rows = min(a.rowBlock, a.rows - row);
  const strip = load<i32>(STRIP);
  const bytes = tileBytes(a.rowBlock);
  const packed = behindTiles(scratch, a.rowBlock, CALIBRATED_GROUP);
  const hidden1 = packed + bytesOf(a.rowBlock, a.depth);
  const difference = hidden1 + bytesOf(a.rowBlock, a.rank1);
  const tiles2 = difference + bytesOf(a.rowBlock, min(CALIBRATED_GROUP, a.middle));
  const hidden2 = tiles2 + <usize>((a.rank2 + PANEL - 1) / PANEL) * bytes;
  packIncrement(a, row, rows, strip, packed);
  const cached = rowOf(a.cachedHidden, a.cachedHiddenStride, row);
  projectDown(packed, rows, a.depth, strip, a.down1, a.rank1, cached, a.cachedHiddenStride, hidden1, scratch);
  for (let column = 0; column < a.middle; column += CALIBRATED_GROUP) {
    const columns = min(CALIBRATED_GROUP, a.middle - column);
    const up = a.up1 + bytesOf(column, a.rank1);
    projectUp(hidden1, rows, a.rank1, strip, up, columns, scratch, bytes);
    activate(a, row, rows, strip, column, columns, scratch, difference);
    accumulate(a, difference, rows, strip, column, columns, tiles2);
  }
  for (let column = 0; column < a.rank2; column += PANEL)
    packTile(
      tiles2 + <usize>(column / PANEL) * bytes,
      rows,
      min(PANEL, a.rank2 - column),
      strip,
      a.rank2,
      column,
      hidden2,
    );
  for (let column = 0; column < a.columns; column += CALIBRATED_GROUP) {
    const columns = min(CALIBRATED_GROUP, a.columns - column);
    const up = a.up2 + bytesOf(column, a.rank2);
    projectUp(hidden2, rows, a.rank2, strip, up, columns, scratch, bytes);
    finishTiles(a.epilogue, scratch, bytes, row, rows, column, columns);
  }
}

/** Bytes of `rows` x `columns` floats. */
function bytesOf(rows: i32, columns: i32): usize {
  return (<usize>rows * <usize>columns) << 2;
}

/** A row's address, or 0 when the matrix is absent. */
function rowOf(matrix: usize, stride: usize, row: i32): usize {
  return matrix == 0 ? 0 : matrix + <usize>row * stride;
}

function packIncrement(a: CalibratedMlpArguments, row: i32, rows: i32, strip: i32, packed: usize): void {
  const cached = rowOf(a.cachedInput, a.cachedInputStride, row);
  const x = a.x + <usize>row * a.xStride;
  packStrips(x, a.xStride, cached, a.cachedInputStride, rows, a.depth, strip, packed);
}

/** The tiles of a group become gelu(C(y1) + tile) - gelu(C(y1)), then strips. */
function activate(
  a: CalibratedMlpArguments,
  row: i32,
  rows: i32,
  strip: i32,
  column: i32,
  columns: i32,
  tiles: usize,
  strips: usize,
): void {
  const bytes = tileBytes(a.rowBlock);
  const cached = a.cachedPreActivation + ((<usize>column) << 2);
  for (let i = 0; i < rows; i++)
    geluDifference(
      cached + <usize>(row + i) * a.cachedPreActivationStride,
      quadOf(tiles, bytes, i, 0),
      bytes,
      columns,
    );
  for (let j = 0; j < columns; j += PANEL) {
    packTile(tiles, rows, min(PANEL, columns - j), strip, columns, j, strips);
    tiles += bytes;
  }
}

/** h2 += down2 of a group. A panel of down2 has its rows one after another, those of the group among them. */
function accumulate(
  a: CalibratedMlpArguments,
  strips: usize,
  rows: i32,
  strip: i32,
  column: i32,
  columns: i32,
  tiles: usize,
): void {
  let panel = a.down2 + ((<usize>column) << 5);
  for (let j = 0; j < a.rank2; j += PANEL) {
    multiplyStrips(strips, rows, columns, strip, panel, tiles, column > 0);
    panel += (<usize>a.middle) << 5;
    tiles += tileBytes(a.rowBlock);
  }
}
