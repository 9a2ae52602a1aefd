/** The position table of a DiT for any size: that of the checkpoint for the size it was trained for, else computed. */
import type { ComputedTensor } from '../../weights/canonicalSource.js';
import type { Geometry } from '../network.js';
import { positionTable } from '../positionTable.js';
import { type DiTConfig, tokensOf } from './config.js';

const TRAINED = 'pos_embed';

/** The name of the tensor that holds it, tokens x hidden. */
export function positionsName({ inputSize }: DiTConfig, { height, width }: Geometry): string {
  return height === inputSize && width === inputSize ? TRAINED : `${TRAINED}.${height}x${width}`;
}

/** Of a name of `positionsName` that no checkpoint has. Places are spread over those that it was trained with, as in diffusers. */
export function positionsOf(config: DiTConfig, name: string): ComputedTensor | undefined {
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
