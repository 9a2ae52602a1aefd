import { multiplyAdd } from './arithmetic';
import { exp } from './exp';

/** x sigmoid(x). */
export function silu4(x: v128): v128 {
  return f32x4.div(x, f32x4.add(exp(f32x4.neg(x)), f32x4.splat(1.0)));
}

/** The tanh form: 0.5 x (1 + tanh u) = x sigmoid(2 u), with u = sqrt(2 / pi) (x + 0.044715 x^3). */
export function gelu4(x: v128): v128 {
  const cubic = multiplyAdd(f32x4.mul(x, x), f32x4.splat(-0.0713548162726), f32x4.splat(-1.5957691216057));
  return f32x4.div(x, f32x4.add(exp(f32x4.mul(x, cubic)), f32x4.splat(1.0)));
}
