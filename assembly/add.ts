/** out[i] = x[i] + y[i mod rows of y]. A tile of work is a block of rows. */
import { endRow } from './elementwise';
import { loadLanes, storeLanes } from './lanes';

@unmanaged
export class AddArguments {
  x: usize;
  xStride: usize;
  out: usize;
  outStride: usize;
  rows: i32;
  columns: i32;
  rowBlock: i32;
  y: usize;
  yStride: usize;
  yRows: i32;
}

export function add(a: AddArguments, tile: i32): void {
  const end = endRow(a.rows, a.rowBlock, tile);
  for (let row = tile * a.rowBlock; row < end; row++)
    addRow(
      a.x + <usize>row * a.xStride,
      a.y + <usize>(row % a.yRows) * a.yStride,
      a.out + <usize>row * a.outStride,
      a.columns,
    );
}

function addRow(x: usize, y: usize, out: usize, columns: i32): void {
  for (; columns > 0; columns -= 4) {
    storeLanes(out, f32x4.add(loadLanes(x, columns), loadLanes(y, columns)), columns);
    x += 16;
    y += 16;
    out += 16;
  }
}
