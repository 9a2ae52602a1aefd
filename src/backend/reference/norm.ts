import { get, imageOf, type Matrix, set } from './matrix.js';
import type { Operands } from './operands.js';
import { siluOf } from './silu.js';

export function norm(m: Operands<'norm'>): void {
  const width = m.x.columns / m.groups;
  for (let row = 0; row < m.x.rows; row += m.span)
    for (let column = 0; column < m.x.columns; column += width) {
      const { mean, inverse } = statistics(m, row, column, width);
      for (let i = row; i < row + m.span; i++)
        for (let j = column; j < column + width; j++) {
          const y = adjusted(m, (get(m.x, i, j) - mean) * inverse, i, j);
          set(m.out, i, j, m.epilogue === 'silu' ? siluOf(y) : y);
        }
    }
}

/** Statistics of `span` rows and `width` columns from (row, column) on. */
function statistics(
  { kind, span, epsilon, x }: Operands<'norm'>,
  row: number,
  column: number,
  width: number,
) {
  const meanOf = (value: (v: number) => number) => {
    let sum = 0;
    for (let i = row; i < row + span; i++)
      for (let j = column; j < column + width; j++) sum += value(get(x, i, j));
    return sum / (span * width);
  };
  const mean = kind === 'layer' ? meanOf((v) => v) : 0;
  return { mean, inverse: 1 / Math.sqrt(meanOf((v) => (v - mean) ** 2) + epsilon) };
}

/** A normalised element after the affine part and the modulation of its place. */
function adjusted(
  { x, gain, bias, scale, shift }: Operands<'norm'>,
  n: number,
  i: number,
  j: number,
): number {
  const affine =
    n * (gain ? get(gain, 0, j % gain.columns) : 1) + (bias ? get(bias, 0, j % bias.columns) : 0);
  const ofImage = (m: Matrix | undefined) => (m ? get(m, imageOf(m, i, x.rows), j) : 0);
  return affine * (1 + ofImage(scale)) + ofImage(shift);
}
