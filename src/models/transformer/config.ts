/**
 * Transformers over the patches of an image whose blocks are modulated by adaLN: the sizes that all of them have.
 * A family beside this folder (`dit`, `pixart`) adds what is its own.
 */
import type { Geometry } from '../network.js';

export interface TransformerConfig {
  /** Height and width of the latent image, in pixels. */
  readonly inputSize: number;
  readonly patchSize: number;
  readonly inChannels: number;
  readonly hiddenSize: number;
  readonly depth: number;
  readonly heads: number;
  /** Width of the MLP's hidden layer (mlp ratio times hidden size). */
  readonly mlpSize: number;
  /** Whether the network also predicts the variance interpolation (2 x inChannels outputs). */
  readonly learnSigma: boolean;
  /** Epsilon of the LayerNorm before the MLP. Default 1e-6, as that of all others. */
  readonly mlpNormEpsilon?: number;
  /** Places of the position table are divided by it. Default 1. */
  readonly positionScale?: number;
}

/** Width of the sinusoidal timestep embedding. */
export const FREQUENCY_SIZE = 256;

/** Vectors that adaLN gives a block: shift, scale and gate of the attention, then of the MLP. */
export const BLOCK_VECTORS = 6;

/** Shift and scale. */
export const FINAL_VECTORS = 2;

/** Columns of the modulation table. */
export function tableWidth({ depth, hiddenSize }: TransformerConfig): number {
  return (BLOCK_VECTORS * depth + FINAL_VECTORS) * hiddenSize;
}

/** Tokens of one image of a size; without, of the one that the model was trained for. */
export function tokensOf({ inputSize, patchSize }: TransformerConfig, geometry?: Geometry): number {
  const { height, width } = geometry ?? { height: inputSize, width: inputSize };
  return (height / patchSize) * (width / patchSize);
}

export function outChannels({ learnSigma, inChannels }: TransformerConfig): number {
  return learnSigma ? 2 * inChannels : inChannels;
}
