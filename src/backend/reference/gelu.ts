const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

/** The tanh form of GELU, as DiT uses it. */
export function gelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x ** 3)));
}
