import { multiplyAdd } from './arithmetic';
import { exp } from './exp';
import { loadLanes, storeLanes } from './lanes';

/** x sigmoid(x). */
function silu4(x: v128): v128 {
  return f32x4.div(x, f32x4.add(exp(f32x4.neg(x)), f32x4.splat(1.0)));
}

/** The tanh form: 0.5 x (1 + tanh u) = x sigmoid(2 u), with u = sqrt(2 / pi) (x + 0.044715 x^3). */
function gelu4(x: v128): v128 {
  const cubic = multiplyAdd(f32x4.mul(x, x), f32x4.splat(-0.0713548162726), f32x4.splat(-1.5957691216057));
  return f32x4.div(x, f32x4.add(exp(f32x4.mul(x, cubic)), f32x4.splat(1.0)));
}

/** A row of activations; `out` may be `x`. In a loop, and eight at a time, so that its constants are made
 * seldom. */
export function geluRow(x: usize, out: usize, columns: i32): void {
  for (; columns >= 8; columns -= 8) {
    const y0 = gelu4(v128.load(x, 0)),
      y1 = gelu4(v128.load(x, 16));
    v128.store(out, y0, 0);
    v128.store(out, y1, 16);
    x += 32;
    out += 32;
  }
  for (; columns > 0; columns -= 4) {
    storeLanes(out, gelu4(loadLanes(x, columns)), columns);
    x += 16;
    out += 16;
  }
}

/** As `geluRow`. */
export function siluRow(x: usize, out: usize, columns: i32): void {
  for (; columns >= 8; columns -= 8) {
    const y0 = silu4(v128.load(x, 0)),
      y1 = silu4(v128.load(x, 16));
    v128.store(out, y0, 0);
    v128.store(out, y1, 16);
    x += 32;
    out += 32;
  }
  for (; columns > 0; columns -= 4) {
    storeLanes(out, silu4(loadLanes(x, columns)), columns);
    x += 16;
    out += 16;
  }
}

/**
 * gelu(c + d) - gelu(c) for a row of tiles, 8 columns each and `bytes` bytes apart, in the place of d. Exactly 0 where
 * d is 0.
 */
export function geluDifference(c: usize, d: usize, bytes: usize, columns: i32): void {
  for (; columns >= 8; columns -= 8) {
    const c0 = v128.load(c, 0),
      c1 = v128.load(c, 16);
    v128.store(d, f32x4.sub(gelu4(f32x4.add(c0, v128.load(d, 0))), gelu4(c0)), 0);
    v128.store(d, f32x4.sub(gelu4(f32x4.add(c1, v128.load(d, 16))), gelu4(c1)), 16);
    c += 32;
    d += bytes;
  }
  for (; columns > 0; columns -= 4) {
    const tail = loadLanes(c, columns);
    v128.store(d, f32x4.sub(gelu4(f32x4.add(tail, v128.load(d))), gelu4(tail)));
    c += 16;
    d += 16;
  }
}
