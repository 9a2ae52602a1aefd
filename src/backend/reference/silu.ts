/** x sigmoid(x). */
export function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}
