import { type ConvolutionGeometry, convolvedSize } from '../../plan/convolution.js';
import type { ConvolutionOp } from '../../plan/types.js';
import { get, type Matrix, set } from './matrix.js';
import { silu } from './silu.js';

export interface ConvolutionMatrices {
  readonly epilogue: ConvolutionOp['epilogue'];
  readonly x: Matrix;
  readonly weight: Matrix;
  readonly bias?: Matrix | undefined;
  readonly residual?: Matrix | undefined;
  readonly out: Matrix;
}

export function convolution(g: ConvolutionGeometry, m: ConvolutionMatrices): void {
  const { height, width } = convolvedSize(g);
  for (let i = 0; i < m.out.rows; i++) {
    const image = Math.floor(i / (height * width));
    const top = (Math.floor(i / width) % height) * g.stride - g.padTop;
    const left = (i % width) * g.stride - g.padLeft;
    for (let j = 0; j < m.out.columns; j++) {
      const sum = filtered(g, m, image, top, left, j) + (m.bias ? get(m.bias, 0, j) : 0);
      const y = m.epilogue === 'silu' ? silu(sum) : sum;
      set(m.out, i, j, m.residual ? get(m.residual, i, j) + y : y);
    }
  }
}

/** Filter `j` at (top, left) of an image, in pixels of the upsampled one. */
function filtered(
  g: ConvolutionGeometry,
  { x, weight }: ConvolutionMatrices,
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
