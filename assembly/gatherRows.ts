/** out[i] = table[index[i]]. A tile of work is a row. An index outside the table is reported. */
import { fail } from './failure';
import { copyFloats } from './floats';

@unmanaged
export class GatherRowsArguments {
  table: usize;
  tableStride: usize;
  tableRows: i32;
  index: usize;
  indexStride: usize;
  out: usize;
  outStride: usize;
  columns: i32;
}

export function gatherRows(a: GatherRowsArguments, tile: i32): void {
  const row = load<i32>(a.index + <usize>tile * a.indexStride);
  if (<u32>row >= <u32>a.tableRows) {
    fail(tile, row);
    return;
  }
  copyFloats(a.out + <usize>tile * a.outStride, a.table + <usize>row * a.tableStride, a.columns);
}
