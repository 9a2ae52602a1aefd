/** The geometry of a convolution: what the pixels of an image become. */

import type { ConvolutionOp } from './types.js';

export type ConvolutionGeometry = Omit<
  ConvolutionOp,
  'op' | 'x' | 'weight' | 'bias' | 'residual' | 'epilogue' | 'out'
>;

export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** Height and width of the image that is written. Below 1 where the filter does not fit. */
export function convolvedSize(g: ConvolutionGeometry): ImageSize {
  const places = (size: number) => Math.floor((size - g.kernel) / g.stride) + 1;
  return {
    height: places(g.height * g.upsample + g.padTop + g.padBottom),
    width: places(g.width * g.upsample + g.padLeft + g.padRight),
  };
}
