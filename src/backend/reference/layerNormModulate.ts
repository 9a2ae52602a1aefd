import { get, imageOf, set } from './matrix.js';
import type { Operands } from './operands.js';

export function layerNormModulate({ x, shift, scale, epsilon, out }: Operands<'layerNormModulate'>): void {
  for (let i = 0; i < x.rows; i++) {
    let mean = 0;
    for (let j = 0; j < x.columns; j++) mean += get(x, i, j) / x.columns;
    let variance = 0;
    for (let j = 0; j < x.columns; j++) variance += (get(x, i, j) - mean) ** 2 / x.columns;
    const inverse = 1 / Math.sqrt(variance + epsilon);
    const image = imageOf(shift, i, x.rows);
    for (let j = 0; j < x.columns; j++)
      set(out, i, j, (get(x, i, j) - mean) * inverse * (1 + get(scale, image, j)) + get(shift, image, j));
  }
}
