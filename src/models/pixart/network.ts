/** A PixArt as a network: layers, sizes, and what emits it. */
import { defineSublayer } from '../defineNetwork.js';
import type { Condition, Geometry, Network, Sublayer } from '../network.js';
import { tokensOf } from '../transformer/config.js';
import { blocksOf, linearOf, mlp, selfAttention, transformerNetwork } from '../transformer/network.js';
import { emitTable, emitText } from './conditioning.js';
import { type PixArtConfig, tensorShapes } from './config.js';
import { configMetadata } from './inferConfig.js';
import { sizeBins } from './sizeBins.js';
import { PixArtStep } from './step.js';

export function pixartNetwork(config: PixArtConfig): Network {
  const { captionTokens, captionChannels, sizeConditions, positionScale } = config;
  const bins = sizeBins(config.inputSize);
  const blocks = blocksOf(config, (block) => [
    selfAttention(config, block, (geometry) => attentionMacs(config, block, geometry)),
    crossAttention(config, block),
    mlp(config, block),
  ]);
  return transformerNetwork(config, {
    family: 'pixart',
    metadata: configMetadata(config),
    images: `, positions divided by ${positionScale}`,
    facts: [
      [
        'captions',
        `${captionTokens} tokens of width ${captionChannels}${sizeConditions ? '; it is told the size of the picture' : ''}`,
      ],
    ],
    tensors: tensorShapes(config),
    blocks,
    ...(bins && { sizeBins: bins }),
    conditions: conditionsOf(config),
    emitTable: (builder, rows) => emitTable(builder, config, rows),
    emitContext: (builder, options) => emitText(builder, config, options),
    step: (options) => new PixArtStep(config, blocks, options),
  });
}

/** The caption's embeddings and how many of its tokens count, and the size of the picture. */
function conditionsOf({ captionTokens, captionChannels, sizeConditions }: PixArtConfig): Condition[] {
  const conditions: Condition[] = [
    { name: 'text', scope: 'sequence', type: 'f32', rows: captionTokens, columns: captionChannels },
    { name: 'textLengths', scope: 'sequence', type: 'i32', rows: 1, columns: 1 },
  ];
  if (sizeConditions) conditions.push({ name: 'size', scope: 'table', type: 'f32', rows: 1, columns: 3 });
  return conditions;
}

function crossAttention(config: PixArtConfig, block: string): Sublayer {
  const own = linearOf(config);
  return defineSublayer({
    block,
    name: 'cross',
    groups: [
      { ...own, kind: 'crossQ', tensor: `${block}.cross_attn.q_linear` },
      { ...own, kind: 'crossProj', tensor: `${block}.cross_attn.proj` },
    ],
    products: (geometry) => 2 * tokensOf(config, geometry) * config.captionTokens * config.hiddenSize,
  });
}

/** MACs of the products of a self-attention, with the convolutions that compress keys and values where there are some. */
function attentionMacs(config: PixArtConfig, block: string, geometry: Geometry): number {
  const { hiddenSize: c, compression, patchSize } = config;
  const tokens = tokensOf(config, geometry);
  if (!compression?.blocks.some((each) => block === `blocks.${each}`)) return 2 * tokens ** 2 * c;
  const half = (side: number) => Math.floor(side / patchSize / 2);
  const fewer = half(geometry.height) * half(geometry.width);
  return 2 * tokens * fewer * c + 2 * fewer * c * c * 9;
}
