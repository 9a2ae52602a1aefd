/** out = residual + gate * x; gate has one row per image. A tile of work is a block of rows. */
import { multiplyAdd } from './arithmetic';
import { endRow } from './elementwise';
import { loadLanes, storeLanes } from './lanes';

@unmanaged
export class GateResidualArguments {
  x: usize;
  xStride: usize;
  out: usize;
  outStride: usize;
  rows: i32;
  columns: i32;
  rowBlock: i32;
  gate: usize;
  gateStride: usize;
  residual: usize;
  residualStride: usize;
  rowsPerImage: i32;
}

export function gateResidual(a: GateResidualArguments, tile: i32): void {
  const end = endRow(a.rows, a.rowBlock, tile);
  for (let row = tile * a.rowBlock; row < end; row++)
    gateRow(
      a.x + <usize>row * a.xStride,
      a.gate + <usize>(row / a.rowsPerImage) * a.gateStride,
      a.residual + <usize>row * a.residualStride,
      a.out + <usize>row * a.outStride,
      a.columns,
    );
}

function gateRow(x: usize, gate: usize, residual: usize, out: usize, columns: i32): void {
  for (; columns > 0; columns -= 4) {
    const y = multiplyAdd(loadLanes(gate, columns), loadLanes(x, columns), loadLanes(residual, columns));
    storeLanes(out, y, columns);
    x += 16;
    gate += 16;
    residual += 16;
    out += 16;
  }
}
