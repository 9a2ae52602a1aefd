import { map } from './elementwise.js';
import type { Operands } from './operands.js';

export function silu({ x, out }: Operands<'silu'>): void {
  map(x, siluOf, out);
}

/** x sigmoid(x). */
export function siluOf(x: number): number {
  return x / (1 + Math.exp(-x));
}
