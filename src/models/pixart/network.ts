/** A PixArt as a network: layers, sizes, and what emits it. */
import { defineNetwork, defineSublayer } from '../defineNetwork.js';
import { tableWidth } from '../dit/conditioning.js';
import { outChannels, tokensOf } from '../dit/config.js';
import type { Block, Condition, Geometry, Network } from '../network.js';
import { emitTable, emitText } from './conditioning.js';
import { type PixArtConfig, tensorShapes } from './config.js';
import { configMetadata } from './inferConfig.js';
import { sizeBins } from './sizeBins.js';
import { PixArtStep } from './step.js';

const STREAM = 'image';

export function pixartNetwork(config: PixArtConfig): Network {
  const { depth, hiddenSize, heads, mlpSize, inputSize, patchSize, inChannels, learnSigma } = config;
  const { captionTokens, captionChannels, sizeConditions, positionScale } = config;
  const bins = sizeBins(inputSize);
  const blocks = Array.from({ length: depth }, (_, block) => blockOf(config, `blocks.${block}`));
  return defineNetwork({
    family: 'pixart',
    config,
    metadata: configMetadata(config),
    facts: [
      [
        'blocks',
        `${depth}, of width ${hiddenSize}, ${heads} head${heads === 1 ? '' : 's'}, MLP of ${mlpSize}`,
      ],
      [
        'images',
        `${inChannels} x ${inputSize} x ${inputSize}, in patches of ${patchSize}, positions divided by ${positionScale}${learnSigma ? '; it predicts the variance too' : ''}`,
      ],
      [
        'captions',
        `${captionTokens} tokens of width ${captionChannels}${sizeConditions ? '; it is told the size of the picture' : ''}`,
      ],
    ],
    tensors: tensorShapes(config),
    blocks,
    streams: [{ name: STREAM, tokens: (geometry) => tokensOf(config, geometry) }],
    width: hiddenSize,
    latents: { channels: inChannels, height: inputSize, width: inputSize, multipleOf: patchSize },
    ...(bins && { sizeBins: bins }),
    predicts: { kind: 'noise', variance: learnSigma },
    guidanceChannels: inChannels,
    conditions: conditionsOf(config),
    // The embedding of patches and the final layer.
    fixedMacs: (geometry) =>
      tokensOf(config, geometry) * hiddenSize * patchSize ** 2 * (inChannels + outChannels(config)),
    tableWidth: tableWidth(config),
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

function blockOf(config: PixArtConfig, block: string): Block {
  const { hiddenSize, mlpSize, captionTokens } = config;
  const own = { stream: STREAM, inputs: hiddenSize, outputs: hiddenSize };
  return {
    name: block,
    sublayers: [
      defineSublayer({
        block,
        name: 'attention',
        groups: [
          { ...own, kind: 'qkv', layers: ['q', 'k', 'v'], tensor: `${block}.attn.qkv` },
          { ...own, kind: 'proj', tensor: `${block}.attn.proj` },
        ],
        products: (geometry) => attentionMacs(config, block, geometry),
      }),
      defineSublayer({
        block,
        name: 'cross',
        groups: [
          { ...own, kind: 'crossQ', tensor: `${block}.cross_attn.q_linear` },
          { ...own, kind: 'crossProj', tensor: `${block}.cross_attn.proj` },
        ],
        products: (geometry) => 2 * tokensOf(config, geometry) * captionTokens * hiddenSize,
      }),
      defineSublayer({
        block,
        name: 'mlp',
        groups: [
          { ...own, kind: 'fc1', outputs: mlpSize, tensor: `${block}.mlp.fc1` },
          { ...own, kind: 'fc2', inputs: mlpSize, tensor: `${block}.mlp.fc2` },
        ],
        pair: ['fc1', 'fc2'],
      }),
    ],
  };
}

/** Of the products of a self-attention; where keys and values are compressed, with the convolutions that do it. */
function attentionMacs(config: PixArtConfig, block: string, geometry: Geometry): number {
  const { hiddenSize: c, compression, patchSize } = config;
  const tokens = tokensOf(config, geometry);
  if (!compression?.blocks.some((each) => block === `blocks.${each}`)) return 2 * tokens ** 2 * c;
  const half = (side: number) => Math.floor(side / patchSize / 2);
  const fewer = half(geometry.height) * half(geometry.width);
  return 2 * tokens * fewer * c + 2 * fewer * c * c * 9;
}
