/** The sizes of such a transformer from the tensors of a checkpoint with the names of the original code. */
import { ArgumentError, requireInteger } from '../../errors.js';
import { countBlocks, shapeOf, type TensorHeaders } from '../tensorShapes.js';
import type { TransformerConfig } from './config.js';

/** Those that shapes tell of every family. `kind`: as in `DiT`; `block`: names of tensors of block $1. */
export function inferSizes(tensors: TensorHeaders, kind: string, block: RegExp) {
  const shape = (name: string, dimensions: number) => shapeOf(tensors, name, dimensions, kind) as number[];
  const [hiddenSize, inChannels, patchSize] = shape('x_embedder.proj.weight', 4) as [number, number, number];
  const [mlpSize] = shape('blocks.0.mlp.fc1.weight', 2) as [number];
  const [outputs] = shape('final_layer.linear.weight', 2);
  const depth = countBlocks(tensors, block);
  const learnSigma = outputs === 2 * inChannels * patchSize ** 2;
  return { patchSize, inChannels, hiddenSize, depth, mlpSize, learnSigma };
}

/** Throws an `ArgumentError` for heads that hints or metadata have brought in and that do not fit. */
export function checkHeads(heads: number, hiddenSize: number): void {
  requireInteger('heads', heads, 1);
  if (hiddenSize % heads !== 0)
    throw new ArgumentError('heads', heads, `a divisor of the hidden size ${hiddenSize}`);
}

/** What the metadata call the fields that the shapes of every family determine. */
export function sizeFields(config: TransformerConfig) {
  return {
    patch_size: config.patchSize,
    in_channels: config.inChannels,
    hidden_size: config.hiddenSize,
    depth: config.depth,
    learn_sigma: config.learnSigma,
  };
}
