/** Rotary position embedding: pairs of columns are turned by the angles of a table. A tile of work is a block of rows. */
import { multiplyAdd, multiplySubtract } from './arithmetic';
import { ElementwiseArguments, endRow } from './elementwise';
import { loadLanes, storeLanes } from './lanes';

@unmanaged
export class RotateArguments extends ElementwiseArguments {
  cos: usize;
  cosStride: usize;
  sin: usize;
  sinStride: usize;
  tableRows: i32;
  heads: i32;
  /** Pairs of a head. */
  half: i32;
  /** Whether pairs are neighbouring columns; otherwise their second columns are the second half of the head. */
  isInterleaved: i32;
}

export function rotate(a: RotateArguments, tile: i32): void {
  const end = endRow(a.rows, a.rowBlock, tile);
  const headBytes = (<usize>a.half) << 3;
  for (let row = tile * a.rowBlock; row < end; row++) {
    let x = a.x + <usize>row * a.xStride;
    let out = a.out + <usize>row * a.outStride;
    const cos = a.cos + <usize>(row % a.tableRows) * a.cosStride;
    const sin = a.sin + <usize>(row % a.tableRows) * a.sinStride;
    for (let head = 0; head < a.heads; head++) {
      if (a.isInterleaved) rotateNeighbours(x, cos, sin, out, a.half);
      else rotateHalves(x, cos, sin, out, a.half);
      x += headBytes;
      out += headBytes;
    }
  }
}

/** Takes four pairs at a time: separates them into first and second columns, rotates, and interleaves them again. */
function rotateNeighbours(x: usize, cos: usize, sin: usize, out: usize, half: i32): void {
  for (; half > 0; half -= 4) {
    const low = loadLanes(x, 2 * half);
    const high = half > 2 ? loadLanes(x + 16, 2 * half - 4) : low;
    const first = v128.shuffle<f32>(low, high, 0, 2, 4, 6);
    const second = v128.shuffle<f32>(low, high, 1, 3, 5, 7);
    const c = loadLanes(cos, half),
      s = loadLanes(sin, half);
    const turned0 = multiplySubtract(second, s, f32x4.mul(first, c));
    const turned1 = multiplyAdd(second, c, f32x4.mul(first, s));
    storeLanes(out, v128.shuffle<f32>(turned0, turned1, 0, 4, 1, 5), 2 * half);
    if (half > 2) storeLanes(out + 16, v128.shuffle<f32>(turned0, turned1, 2, 6, 3, 7), 2 * half - 4);
    x += 32;
    out += 32;
    cos += 16;
    sin += 16;
  }
}

function rotateHalves(x: usize, cos: usize, sin: usize, out: usize, half: i32): void {
  const apart = (<usize>half) << 2;
  for (; half > 0; half -= 4) {
    const first = loadLanes(x, half),
      second = loadLanes(x + apart, half);
    const c = loadLanes(cos, half),
      s = loadLanes(sin, half);
    storeLanes(out, multiplySubtract(second, s, f32x4.mul(first, c)), half);
    storeLanes(out + apart, multiplyAdd(second, c, f32x4.mul(first, s)), half);
    x += 16;
    out += 16;
    cos += 16;
    sin += 16;
  }
}
