import { multiplyAdd, multiplySubtract } from './arithmetic';

/** 1.5 * 2^23: adding it rounds a small float to an integer, which then is in the low bits of the sum. */
const ROUNDER: f32 = 12582912.0;
/** ln 2 in two parts; n * LN2_HIGH is exact for every n that occurs. */
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.1219444e-4;

/**
 * e^x to 1e-7 relative, for x from -87 to 88; beyond, the value at that end. Never overflows and is never 0.
 * x = n ln 2 + r with |r| <= ln 2 / 2; e^r by a polynomial of degree 7, and n is added to the exponent.
 */
export function exp(value: v128): v128 {
  const x = f32x4.pmin(f32x4.pmax(value, f32x4.splat(-87.0)), f32x4.splat(88.0));
  const shifted = multiplyAdd(x, f32x4.splat(1.44269504088896341), f32x4.splat(ROUNDER));
  const n = f32x4.sub(shifted, f32x4.splat(ROUNDER));
  let r = multiplySubtract(n, f32x4.splat(LN2_HIGH), x);
  r = multiplySubtract(n, f32x4.splat(LN2_LOW), r);
  let p = multiplyAdd(f32x4.splat(1.98756915e-4), r, f32x4.splat(1.3981999507e-3));
  p = multiplyAdd(p, r, f32x4.splat(8.3334519073e-3));
  p = multiplyAdd(p, r, f32x4.splat(4.1665795894e-2));
  p = multiplyAdd(p, r, f32x4.splat(1.6666665459e-1));
  p = multiplyAdd(p, r, f32x4.splat(5.0000001201e-1));
  const mantissa = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), f32x4.splat(1.0));
  return i32x4.add(mantissa, i32x4.shl(shifted, 23));
}
