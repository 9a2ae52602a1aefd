/**
 * out = epilogue(C(y) + up (down (x - C(x)))), or with C(h) = down C(x) given: up (down x - C(h)).
 * A tile of work is a block of rows by one factor pair; no intermediate result leaves scratch.
 *
 *     scratch   [tiles][x - C(x) in strips][h in strips, as the second product takes it]
 *
 * C(y) is added like a bias when tiles are finished, so where h is 0, out equals C(y) bit for bit.
 */
import { STRIP } from './control';
import { Epilogue, finishTiles } from './epilogue';
import { projectDown, projectUp } from './lowRank';
import { packStrips } from './packing';
import { behindTiles, isPacked } from './scratch';
import { CALIBRATED_GROUP, tileBytes } from './tiles';

@unmanaged
export class FactorPair {
  /** Packed like the weights of `linear`: `down` has `rank` columns of depth `depth`, `up` has `columns` columns of depth `rank`. */
  down: usize;
  up: usize;
  rank: i32;
  columns: i32;
  /** The pair's first column in out, and its first rank in the cached hidden layer. */
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
  const cached =
    a.cachedHidden == 0
      ? 0
      : a.cachedHidden + <usize>row * a.cachedHiddenStride + ((<usize>pair.firstRank) << 2);
  projectDown(
    packed,
    rows,
    a.depth,
    strip,
    pair.down,
    pair.rank,
    cached,
    a.cachedHiddenStride,
    hidden,
    scratch,
  );
  const bytes = tileBytes(a.rowBlock);
  for (let column = 0; column < pair.columns; column += CALIBRATED_GROUP) {
    const columns = min(CALIBRATED_GROUP, pair.columns - column);
    const up = pair.up + ((<usize>column * <usize>pair.rank) << 2);
    projectUp(hidden, rows, pair.rank, strip, up, columns, scratch, bytes);
    finishTiles(a.epilogue, scratch, bytes, row, rows, pair.firstColumn + column, columns);
  }
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
