/**
 * Functions that kernels call. The two of integers are instructions of WGSL: gpu.js would divide floats, which GPUs
 * round as they like.
 */

/** floor(a / b) of integers from 0. */
export function quotient(a, b) {
  return Math.floor(a / b);
}

/** a mod b of integers from 0. */
export function remainder(a, b) {
  return a - b * Math.floor(a / b);
}

/** x sigmoid(slope x). */
export function swish(x, slope) {
  return x / (1 + Math.exp(Math.min(-slope * x, 80)));
}

/** GELU in the tanh form: 0.5 x (1 + tanh u) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3). */
export function geluTanh(x) {
  const u = x * (1.5957691216057 + 0.0713548162726 * x * x);
  return x / (1 + Math.exp(Math.min(-u, 80)));
}

/**
 * GELU: 0.5 x (1 + erf(x / sqrt 2)) = max(x, 0) - |x| h, h the probability that a normal variable is above |x|: its
 * density times a polynomial of 1 / (1 + 0.26 |x|).
 */
export function geluErf(x) {
  const a = Math.min(Math.abs(x), 12);
  const t = 1 / (1 + 0.26 * a);
  let p = -0.07566268231 * t + 0.2393157275;
  p = p * t - 0.122418778;
  p = p * t + 0.1791129903;
  p = p * t + 0.06786569917;
  p = p * t + 0.1083746775;
  p = p * t + 0.1034122244;
  return Math.max(x, 0) - a * p * t * Math.exp(-0.5 * a * a);
}

/** An activation by its number in `ACTIVATIONS` (src/backend/gpu/epilogues.ts); 0 is none. */
export function activation(x, kind) {
  let y = x;
  if (kind === 1) y = geluTanh(x);
  if (kind === 2) y = geluErf(x);
  if (kind === 3) y = swish(x, 1.702);
  if (kind === 4) y = swish(x, 1);
  return y;
}

/** What gpu.js is told of them. */
export const HELPERS = [
  [quotient, ['Integer', 'Integer'], 'Integer'],
  [remainder, ['Integer', 'Integer'], 'Integer'],
  [swish, ['Number', 'Number'], 'Number'],
  [geluTanh, ['Number'], 'Number'],
  [geluErf, ['Number'], 'Number'],
  [activation, ['Number', 'Integer'], 'Number'],
];
