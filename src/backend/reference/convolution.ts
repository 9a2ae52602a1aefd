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
function filtered(m: Operands<'convolution'>, image: number, top: number, left: number, j: number): number {
  const { x, weight, kernel, upsample, height, width } = m;
  const taps = kernel * kernel;
  const filter = weight.offset + j * weight.stride;
  let sum = 0;
  for (let tap = 0; tap < taps; tap++) {
    const row = Math.floor((top + Math.floor(tap / kernel)) / upsample);
    const column = Math.floor((left + (tap % kernel)) / upsample);
    if (row < 0 || row >= height || column < 0 || column >= width) continue;
    const pixel = x.offset + ((image * height + row) * width + column) * x.stride;
    for (let channel = 0; channel < x.columns; channel++)
      sum += x.data[pixel + channel]! * weight.data[filter + channel * taps + tap]!;
  }
  return sum;
}
