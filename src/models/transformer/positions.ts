/** The position table for any size: that of the checkpoint for the size it was trained for, else computed. */
import type { ComputedTensor } from '../../weights/canonicalSource.js';
import type { Geometry } from '../network.js';
import { positionTable } from '../positionTable.js';
import { type TransformerConfig, tokensOf } from './config.js';

/** The table for the size that the model was trained for. */
export const TRAINED_POSITIONS = 'pos_embed';

/** The name of the tensor that holds it, tokens x hidden. */
export function positionsName({ inputSize }: TransformerConfig, { height, width }: Geometry): string {
  return height === inputSize && width === inputSize
    ? TRAINED_POSITIONS
    : `${TRAINED_POSITIONS}.${height}x${width}`;
}

/** The table for a name of `positionsName` that no checkpoint has. Places are spread over those that it was trained with, as in diffusers. */
export function positionsOf(config: TransformerConfig, name: string): ComputedTensor | undefined {
  const [, height, width] = /^pos_embed\.(\d+)x(\d+)$/.exec(name) ?? [];
  if (height === undefined) return undefined;
  const { inputSize, patchSize, hiddenSize, positionScale = 1 } = config;
  const geometry = { height: Number(height), width: Number(width) };
  const grid = { height: geometry.height / patchSize, width: geometry.width / patchSize };
  const scaleOf = (side: number) => (side / inputSize) * positionScale;
  const scale = { height: scaleOf(geometry.height), width: scaleOf(geometry.width) };
  return {
    shape: [1, tokensOf(config, geometry), hiddenSize],
    values: () => positionTable(grid, hiddenSize, scale),
  };
}
