/** A DiT (Peebles and Xie, "Scalable Diffusion Models with Transformers") as a network: layers, sizes, and what emits it. */
import { defineNetwork, defineSublayer } from '../defineNetwork.js';
import type { Block, Network } from '../network.js';
import { emitTable, tableWidth } from './conditioning.js';
import { type DiTConfig, outChannels, tensorShapes, tokensOf } from './config.js';
import { configMetadata } from './inferConfig.js';
import { DiTStep } from './step.js';

const STREAM = 'image';

export function ditNetwork(config: DiTConfig): Network {
  const { depth, hiddenSize, heads, mlpSize, inputSize, patchSize, inChannels, classes, learnSigma } = config;
  const blocks = Array.from({ length: depth }, (_, block) => blockOf(config, `blocks.${block}`));
  return defineNetwork({
    family: 'dit',
    config,
    metadata: configMetadata(config),
    facts: [
      [
        'blocks',
        `${depth}, of width ${hiddenSize}, ${heads} head${heads === 1 ? '' : 's'}, MLP of ${mlpSize}`,
      ],
      ['images', `${inChannels} x ${inputSize} x ${inputSize}, in patches of ${patchSize}`],
      ['classes', `${classes}${learnSigma ? '; it predicts the variance too' : ''}`],
    ],
    tensors: tensorShapes(config),
    blocks,
    streams: [{ name: STREAM, tokens: (geometry) => tokensOf(config, geometry) }],
    width: hiddenSize,
    latents: { channels: inChannels, height: inputSize, width: inputSize, multipleOf: patchSize },
    predicts: { kind: 'noise', variance: learnSigma },
    guidanceChannels: config.guidanceChannels ?? inChannels,
    conditions: [{ name: 'labels', scope: 'table', type: 'i32', rows: 1, columns: 1, classes }],
    // The embedding of patches and the final layer.
    fixedMacs: (geometry) =>
      tokensOf(config, geometry) * hiddenSize * patchSize ** 2 * (inChannels + outChannels(config)),
    tableWidth: tableWidth(config),
    emitTable: (builder, rows) => emitTable(builder, config, rows),
    step: (options) => new DiTStep(config, blocks, options),
  });
}

function blockOf(config: DiTConfig, block: string): Block {
  const { hiddenSize, mlpSize } = config;
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
        products: (geometry) => 2 * tokensOf(config, geometry) ** 2 * hiddenSize,
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
