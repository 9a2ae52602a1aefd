import { get, set } from './matrix.js';
import type { Operands } from './operands.js';

export function rotate({ x, cos, sin, heads, pairs, out }: Operands<'rotate'>): void {
  const half = cos.columns;
  const [step, apart] = pairs === 'interleaved' ? [2, 1] : [1, half];
  for (let i = 0; i < x.rows; i++)
    for (let head = 0; head < heads; head++)
      for (let j = 0; j < half; j++) {
        const first = head * 2 * half + j * step;
        const [a, b] = [get(x, i, first), get(x, i, first + apart)];
        const [c, s] = [get(cos, i % cos.rows, j), get(sin, i % sin.rows, j)];
        set(out, i, first, a * c - b * s);
        set(out, i, first + apart, a * s + b * c);
      }
}
