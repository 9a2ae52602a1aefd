import { convolvedSize } from '../../plan/convolution.js';
import { get, set } from './matrix.js';
import type { Operands } from './operands.js';
import { siluOf } from './silu.js';

export function convolution(m: Operands<'convolution'>): void {
  const { height, width } = convolvedSize(m);
  for (let i = 0; i < m.out.rows; i++) {
    const image = Math.floor(i / (height * width));
    const top = (Math.floor(i / width) % height) * m.stride - m.padTop;
    const left = (i % width) * m.stride - m.padLeft;
    for (let j = 0; j < m.out.columns; j++) {
      const sum = filtered(m, image, top, left, j) + (m.bias ? get(m.bias, 0, j) : 0);
      const y = m.epilogue === 'silu' ? siluOf(sum) : sum;
      set(m.out, i, j, m.residual ? get(m.residual, i, j) + y : y);
    }
  }
}

/** Filter `j` at (top, left) of an image, in pixels of the upsampled one. */
function filtered(
  { x, weight, ...g }: Operands<'convolution'>,
  image: number,
  top: number,
  left: number,
  j: number,
): number {
  let sum = 0;
  for (let tap = 0; tap < g.kernel * g.kernel; tap++) {
    const row = Math.floor((top + Math.floor(tap / g.kernel)) / g.upsample);
    const column = Math.floor((left + (tap % g.kernel)) / g.upsample);
    if (row < 0 || row >= g.height || column < 0 || column >= g.width) continue;
    const pixel = (image * g.height + row) * g.width + column;
    for (let channel = 0; channel < x.columns; channel++)
      sum += get(x, pixel, channel) * get(weight, j, channel * g.kernel * g.kernel + tap);
  }
  return sum;
}
