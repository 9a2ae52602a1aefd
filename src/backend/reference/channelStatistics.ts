import { get, set } from './matrix.js';
import type { Operands } from './operands.js';

export function channelStatistics({ x, previous, out }: Operands<'channelStatistics'>): void {
  const tokens = x.rows / out.rows;
  for (let image = 0; image < out.rows; image++) {
    for (let j = 0; j < x.columns; j++) {
      let sum = 0;
      for (let i = image * tokens; i < (image + 1) * tokens; i++)
        sum += Math.abs(get(x, i, j) - (previous ? get(previous, i, j) : 0));
      set(out, image, j, sum / tokens);
    }
  }
}
