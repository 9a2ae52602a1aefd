import { get, set } from './matrix.js';
import type { Operands } from './operands.js';

export function timestepEmbedding({ x, maxPeriod, out }: Operands<'timestepEmbedding'>): void {
  const half = out.columns / 2;
  for (let i = 0; i < out.rows; i++) {
    for (let j = 0; j < half; j++) {
      const angle = get(x, i, 0) * Math.exp((-Math.log(maxPeriod) * j) / half);
      set(out, i, j, Math.cos(angle));
      set(out, i, half + j, Math.sin(angle));
    }
  }
}
