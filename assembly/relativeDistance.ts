/**
 * out = |x - previous| / |previous|, summed in float64. There is one tile of work: a single thread computes the whole sum, so
 * the number of threads does not change it.
 */
import { loadLanes } from './lanes';

@unmanaged
export class RelativeDistanceArguments {
  x: usize;
  xStride: usize;
  previous: usize;
  previousStride: usize;
  out: usize;
  rows: i32;
  columns: i32;
  /** 1: absolute values; 2: squares. */
  norm: i32;
}

export function relativeDistance(a: RelativeDistanceArguments): void {
  let distance = f64x2.splat(0);
  let size = f64x2.splat(0);
  for (let row = 0; row < a.rows; row++) {
    let x = a.x + <usize>row * a.xStride;
    let previous = a.previous + <usize>row * a.previousStride;
    for (let lanes = a.columns; lanes > 0; lanes -= 4) {
      const before = loadLanes(previous, lanes);
      distance = f64x2.add(distance, sizes(f32x4.sub(loadLanes(x, lanes), before), a.norm));
      size = f64x2.add(size, sizes(before, a.norm));
      x += 16;
      previous += 16;
    }
  }
  store<f32>(a.out, <f32>ratio(total(distance, a.norm), total(size, a.norm)));
}

/** Absolute values or squares of four numbers, as two float64 sums. */
function sizes(v: v128, norm: i32): v128 {
  const low = f64x2.promote_low_f32x4(v);
  const high = f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3));
  if (norm == 1) return f64x2.add(f64x2.abs(low), f64x2.abs(high));
  return f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high));
}

function total(sums: v128, norm: i32): f64 {
  const sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  return norm == 1 ? sum : Math.sqrt(sum);
}

function ratio(distance: f64, size: f64): f64 {
  return distance == 0 ? 0 : distance / size;
}
