/**
 * out = sum of coefficient * x over the terms. A tile of work is a block of rows.
 *
 *     terms   [address of x][bytes of a row][coefficient], one after another
 */
import { endRow } from './elementwise';
import { loadLanes, storeLanes } from './lanes';

@unmanaged
class Term {
  x: usize;
  xStride: usize;
  coefficient: f32;
}

@unmanaged
export class LinearCombinationArguments {
  out: usize;
  outStride: usize;
  rows: i32;
  columns: i32;
  rowBlock: i32;
  terms: usize;
  count: i32;
}

export function linearCombination(a: LinearCombinationArguments, tile: i32): void {
  const end = endRow(a.rows, a.rowBlock, tile);
  for (let row = tile * a.rowBlock; row < end; row++)
    for (let column = 0; column < a.columns; column += 4) combineLanes(a, row, column);
}

/** Reads every term before it writes the result, because `out` may be any of the terms. */
function combineLanes(a: LinearCombinationArguments, row: i32, column: i32): void {
  const offset = (<usize>column) << 2;
  const lanes = a.columns - column;
  let sum = f32x4.splat(0);
  for (let i = 0; i < a.count; i++) {
    const term = changetype<Term>(a.terms + <usize>i * offsetof<Term>());
    const x = loadLanes(term.x + <usize>row * term.xStride + offset, lanes);
    sum = f32x4.add(sum, f32x4.mul(f32x4.splat(term.coefficient), x));
  }
  storeLanes(a.out + <usize>row * a.outStride + offset, sum, lanes);
}
