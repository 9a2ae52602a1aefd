/** Sums over a row, 16 elements at a time: four sums side by side hide the latency of each. */
import { multiplyAdd, sumLanes } from './arithmetic';

/** Sum of `count` floats. */
export function sumOf(x: usize, count: i32): f32 {
  let a = f32x4.splat(0),
    b = f32x4.splat(0),
    c = f32x4.splat(0),
    d = f32x4.splat(0);
  for (; count >= 16; count -= 16) {
    a = f32x4.add(a, v128.load(x, 0));
    b = f32x4.add(b, v128.load(x, 16));
    c = f32x4.add(c, v128.load(x, 32));
    d = f32x4.add(d, v128.load(x, 48));
    x += 64;
  }
  for (; count >= 4; count -= 4) {
    a = f32x4.add(a, v128.load(x));
    x += 16;
  }
  let total = sumLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
  for (; count > 0; count--) {
    total += load<f32>(x);
    x += 4;
  }
  return total;
}

/** Of what is left of `count` floats without `centre`: the sum in the first lane, the sum of squares in the second. */
export function sumsAbout(x: usize, centre: f32, count: i32): v128 {
  const centres = f32x4.splat(centre);
  let sum0 = f32x4.splat(0),
    sum1 = f32x4.splat(0);
  let square0 = f32x4.splat(0),
    square1 = f32x4.splat(0),
    square2 = f32x4.splat(0),
    square3 = f32x4.splat(0);
  for (; count >= 16; count -= 16) {
    const d0 = f32x4.sub(v128.load(x, 0), centres),
      d1 = f32x4.sub(v128.load(x, 16), centres),
      d2 = f32x4.sub(v128.load(x, 32), centres),
      d3 = f32x4.sub(v128.load(x, 48), centres);
    sum0 = f32x4.add(sum0, f32x4.add(d0, d1));
    sum1 = f32x4.add(sum1, f32x4.add(d2, d3));
    square0 = multiplyAdd(d0, d0, square0);
    square1 = multiplyAdd(d1, d1, square1);
    square2 = multiplyAdd(d2, d2, square2);
    square3 = multiplyAdd(d3, d3, square3);
    x += 64;
  }
  for (; count >= 4; count -= 4) {
    const d = f32x4.sub(v128.load(x), centres);
    sum0 = f32x4.add(sum0, d);
    square0 = multiplyAdd(d, d, square0);
    x += 16;
  }
  let sum = sumLanes(f32x4.add(sum0, sum1));
  let squares = sumLanes(f32x4.add(f32x4.add(square0, square1), f32x4.add(square2, square3)));
  for (; count > 0; count--) {
    const d = load<f32>(x) - centre;
    sum += d;
    squares += d * d;
    x += 4;
  }
  return f32x4.replace_lane(f32x4.splat(sum), 1, squares);
}
