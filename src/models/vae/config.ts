/** What an autoencoder (diffusers' AutoencoderKL) is. */
import { ArgumentError, requireNumber } from '../../errors.js';
import { isPositive } from '../configFields.js';

export interface VaeConfig {
  /** Channels of the picture: 3. */
  readonly imageChannels: number;
  readonly latentChannels: number;
  /** Widths of the levels, from the picture's resolution down. Each level but the last halves height and width. */
  readonly channels: readonly number[];
  /** Residual blocks of a level of the encoder; the decoder has one more. */
  readonly layersPerBlock: number;
  /** Groups of every group norm. */
  readonly groups: number;
  /** Side of the pictures it was trained on, in pixels; sizes of tiles follow from it. */
  readonly sampleSize: number;
  /** A latent of the diffusion model is (z - shiftFactor) * scalingFactor. */
  readonly scalingFactor: number;
  readonly shiftFactor: number;
  /** Whether the moments pass through a 1 x 1 convolution behind the encoder. */
  readonly quantConv: boolean;
  /** Whether latents pass through a 1 x 1 convolution before the decoder. */
  readonly postQuantConv: boolean;
  readonly midAttention: boolean;
}

/** Epsilon of every group norm. */
export const GROUP_NORM_EPSILON = 1e-6;

/** Pixels of the picture's side for each of the latent's. */
export function scaleOf({ channels }: VaeConfig): number {
  return 2 ** (channels.length - 1);
}

/** How many residual blocks the encoder ('down') and the decoder ('up') have at each level. */
export function layersOf({ layersPerBlock }: VaeConfig, side: 'down' | 'up'): number {
  return side === 'down' ? layersPerBlock : layersPerBlock + 1;
}

/** What the shapes of a file do not tell. It comes before what a config.json says. */
export interface VaeHints {
  /** Default: that of the config.json, else 0.18215 for 4 latent channels; asked for otherwise. */
  readonly scalingFactor?: number | undefined;
  /** Default: that of the config.json, else 0. */
  readonly shiftFactor?: number | undefined;
  /** Default: 32, as in all of CompVis' files. */
  readonly groups?: number;
  /** Default: 256. */
  readonly sampleSize?: number;
}

/** Throws an `ArgumentError` for a hint that is not what it must be. */
export function requireHints({ scalingFactor, shiftFactor }: VaeHints): void {
  if (scalingFactor !== undefined && !isPositive(scalingFactor))
    throw new ArgumentError('scalingFactor', scalingFactor, 'a positive number');
  if (shiftFactor !== undefined) requireNumber('shiftFactor', shiftFactor);
}

/** The configuration with the factors that were given. */
export function withHints(config: VaeConfig, { scalingFactor, shiftFactor }: VaeHints): VaeConfig {
  return {
    ...config,
    ...(scalingFactor !== undefined && { scalingFactor }),
    ...(shiftFactor !== undefined && { shiftFactor }),
  };
}
