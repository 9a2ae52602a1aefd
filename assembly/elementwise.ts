/** What elementwise operations share: their arguments and the rows of a tile of work. */

/** The arguments of out = f(x). Operations with more arguments extend this class. */
@unmanaged
export class ElementwiseArguments {
  x: usize;
  xStride: usize;
  out: usize;
  outStride: usize;
  rows: i32;
  columns: i32;
  /** Rows of a tile of work. */
  rowBlock: i32;
}

/** One past the last row of a tile of work. */
export function endRow(rows: i32, rowBlock: i32, tile: i32): i32 {
  return min((tile + 1) * rowBlock, rows);
}
