/** A DiT (Peebles and Xie, "Scalable Diffusion Models with Transformers") as a network: layers, sizes, and what emits it. */
import type { Network } from '../network.js';
import { blocksOf, mlp, selfAttention, transformerNetwork } from '../transformer/network.js';
import { TransformerStep } from '../transformer/step.js';
import { emitTable } from './conditioning.js';
import { type DiTConfig, tensorShapes } from './config.js';
import { configMetadata } from './inferConfig.js';

export function ditNetwork(config: DiTConfig): Network {
  const { classes, inChannels } = config;
  const blocks = blocksOf(config, (block) => [selfAttention(config, block), mlp(config, block)]);
  return transformerNetwork(config, {
    family: 'dit',
    metadata: configMetadata(config),
    facts: [['classes', `${classes}`]],
    tensors: tensorShapes(config),
    blocks,
    guidanceChannels: config.guidanceChannels ?? inChannels,
    conditions: [{ name: 'labels', scope: 'table', type: 'i32', rows: 1, columns: 1, classes }],
    emitTable: (builder, rows) => emitTable(builder, config, rows),
    step: (options) => new TransformerStep(config, blocks, options),
  });
}
