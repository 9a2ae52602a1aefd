import { multiplyAdd } from './arithmetic';

/** 1.5 * 2^23: adding it rounds a small float to an integer, which then is in the low bits of the sum. */
const ROUNDER: f32 = 12582912.0;

export const LOG2E: f32 = 1.44269504088896341;

/** 2^x to 2e-7 relative, for x from -126 to 126. */
export function powerOfTwo(x: v128): v128 {
  const shifted = f32x4.add(x, f32x4.splat(ROUNDER));
  const f = f32x4.sub(x, f32x4.sub(shifted, f32x4.splat(ROUNDER)));
  // Minimax for the relative error on [-1/2, 1/2]: 7.5e-8.
  let p = multiplyAdd(f, f32x4.splat(0.001327647129), f32x4.splat(0.009675541893));
  p = multiplyAdd(p, f, f32x4.splat(0.05550713465));
  p = multiplyAdd(p, f, f32x4.splat(0.2402212024));
  p = multiplyAdd(p, f, f32x4.splat(0.693146944));
  p = multiplyAdd(p, f, f32x4.splat(1.000000119));
  return i32x4.add(p, i32x4.shl(shifted, 23));
}

/** e^x for x up to 0; below -87 what it is there, so never 0. The error grows with |x|, to 4e-6 at that end. */
export function expOfNegative(x: v128): v128 {
  return powerOfTwo(f32x4.pmax(f32x4.mul(x, f32x4.splat(LOG2E)), f32x4.splat(-126.0)));
}

/** x, but no less than -bound and no more than bound; NaN stays NaN. */
export function clamp(x: v128, bound: f32): v128 {
  return f32x4.pmin(f32x4.pmax(x, f32x4.splat(-bound)), f32x4.splat(bound));
}
