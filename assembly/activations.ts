import { multiplyAdd, multiplySubtract } from './arithmetic';
import { clamp, expOfNegative, LOG2E, powerOfTwo } from './exp';
import { loadLanes, storeLanes } from './lanes';

/** x sigmoid(x) is x / (1 + e), as the others are. Powers are held to where they are neither 0 nor infinite. */
function siluExponential(x: v128): v128 {
  return powerOfTwo(clamp(f32x4.mul(x, f32x4.splat(-LOG2E)), 124.0));
}

/** x sigmoid(1.702 x). */
function geluQuickExponential(x: v128): v128 {
  return powerOfTwo(clamp(f32x4.mul(x, f32x4.splat(<f32>-1.702 * LOG2E)), 124.0));
}

/**
 * The tanh form: 0.5 x (1 + tanh u) = x sigmoid(2 u), with u = sqrt(2 / pi) (x + 0.044715 x^3). Held to 2^60, where x / e is 0 in
 * every sense, so that two of them can be multiplied.
 */
function geluExponential(x: v128): v128 {
  const cubic = multiplyAdd(
    f32x4.mul(x, x),
    f32x4.splat(<f32>-0.0713548162726 * LOG2E),
    f32x4.splat(<f32>-1.5957691216057 * LOG2E),
  );
  return powerOfTwo(clamp(f32x4.mul(x, cubic), 60.0));
}

function logistic(x: v128, e: v128): v128 {
  return f32x4.div(x, f32x4.add(e, f32x4.splat(1.0)));
}

export function silu4(x: v128): v128 {
  return logistic(x, siluExponential(x));
}

/**
 * 0.5 x (1 + erf(x / sqrt 2)) = max(x, 0) - |x| h, h the probability that a normal variable is above |x|: its density times a
 * polynomial of 1 / (1 + 0.26 |x|), to 3e-7 of itself for |x| up to 9.
 */
function geluErf4(x: v128): v128 {
  const a = f32x4.abs(x);
  const t = f32x4.div(f32x4.splat(1.0), multiplyAdd(a, f32x4.splat(0.26), f32x4.splat(1.0)));
  let p = multiplyAdd(t, f32x4.splat(-0.07566268231), f32x4.splat(0.2393157275));
  p = multiplyAdd(p, t, f32x4.splat(-0.122418778));
  p = multiplyAdd(p, t, f32x4.splat(0.1791129903));
  p = multiplyAdd(p, t, f32x4.splat(0.06786569917));
  p = multiplyAdd(p, t, f32x4.splat(0.1083746775));
  p = multiplyAdd(p, t, f32x4.splat(0.1034122244));
  const density = expOfNegative(f32x4.mul(f32x4.mul(a, a), f32x4.splat(-0.5)));
  return multiplySubtract(a, f32x4.mul(f32x4.mul(p, t), density), f32x4.pmax(f32x4.splat(0), x));
}

/** The kinds of epilogues (`epilogue.ts`) that are activations. */
export const GELU: i32 = 1;
export const SILU: i32 = 2;
export const GELU_ERF: i32 = 6;
export const GELU_QUICK: i32 = 7;

/** A row of activations, of a kind that is none of them nothing; `out` may be `x`. */
export function activateRow(kind: i32, x: usize, out: usize, columns: i32): void {
  if (kind == GELU) Inline.row(GELU, x, out, columns);
  else if (kind == SILU) Inline.row(SILU, x, out, columns);
  else if (kind == GELU_ERF) Inline.row(GELU_ERF, x, out, columns);
  else if (kind == GELU_QUICK) Inline.row(GELU_QUICK, x, out, columns);
}

/** A class, because TypeScript takes decorators on methods only. The kind is a constant at each call. */
class Inline {
  /** In a loop, and eight at a time, so that the constants of the activation are made seldom. */
  @inline
  static row(kind: i32, x: usize, out: usize, columns: i32): void {
    for (; columns >= 8; columns -= 8) {
      const y0 = Inline.four(kind, v128.load(x, 0)),
        y1 = Inline.four(kind, v128.load(x, 16));
      v128.store(out, y0, 0);
      v128.store(out, y1, 16);
      x += 32;
      out += 32;
    }
    for (; columns > 0; columns -= 4) {
      storeLanes(out, Inline.four(kind, loadLanes(x, columns)), columns);
      x += 16;
      out += 16;
    }
  }

  @inline
  static four(kind: i32, x: v128): v128 {
    if (kind == GELU) return logistic(x, geluExponential(x));
    if (kind == SILU) return silu4(x);
    return kind == GELU_ERF ? geluErf4(x) : logistic(x, geluQuickExponential(x));
  }
}

/** gelu(x) - gelu(y) with one division; 0 where they are equal, so no product may be fused. */
function geluDifference4(x: v128, y: v128): v128 {
  const a = f32x4.add(geluExponential(x), f32x4.splat(1.0)),
    b = f32x4.add(geluExponential(y), f32x4.splat(1.0));
  const inverse = f32x4.div(f32x4.splat(1.0), f32x4.mul(a, b));
  return f32x4.sub(f32x4.mul(x, f32x4.mul(b, inverse)), f32x4.mul(y, f32x4.mul(a, inverse)));
}

/**
 * gelu(c + d) - gelu(c) for a row of tiles, 8 columns each and `bytes` bytes apart, in the place of d. Exactly 0 where
 * d is 0.
 */
export function geluDifference(c: usize, d: usize, bytes: usize, columns: i32): void {
  for (; columns >= 8; columns -= 8) {
    const c0 = v128.load(c, 0),
      c1 = v128.load(c, 16);
    v128.store(d, geluDifference4(f32x4.add(c0, v128.load(d, 0)), c0), 0);
    v128.store(d, geluDifference4(f32x4.add(c1, v128.load(d, 16)), c1), 16);
    c += 32;
    d += bytes;
  }
  for (; columns > 0; columns -= 4) {
    const tail = loadLanes(c, columns);
    v128.store(d, geluDifference4(f32x4.add(tail, v128.load(d)), tail));
    c += 16;
    d += 16;
  }
}
