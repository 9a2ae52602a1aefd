/** What the networks of all such transformers share: sizes, facts, and the two sublayers that every block has. */
import { defineNetwork, defineSublayer } from '../defineNetwork.js';
import type { Block, Network, Sublayer } from '../network.js';
import { outChannels, type TransformerConfig, tableWidth, tokensOf } from './config.js';

const STREAM = 'image';

/** What a family says of its network beside its sizes. */
export type OwnFields = Pick<
  Network,
  'family' | 'metadata' | 'tensors' | 'conditions' | 'emitTable' | 'step'
> &
  Partial<Pick<Network, 'emitContext' | 'guidanceChannels' | 'sizeBins'>> & {
    readonly blocks: readonly Block[];
    /** Behind the fact of images, and further facts. */
    readonly images?: string;
    readonly facts: Network['facts'];
  };

export function transformerNetwork(config: TransformerConfig, own: OwnFields): Network {
  const { depth, hiddenSize, heads, mlpSize, inputSize, patchSize, inChannels, learnSigma } = config;
  const { images = '', facts, ...fields } = own;
  return defineNetwork({
    config,
    streams: [{ name: STREAM, tokens: (geometry) => tokensOf(config, geometry) }],
    width: hiddenSize,
    latents: { channels: inChannels, height: inputSize, width: inputSize, multipleOf: patchSize },
    predicts: { kind: 'noise', variance: learnSigma },
    guidanceChannels: inChannels,
    // The embedding of patches and the final layer.
    fixedMacs: (geometry) =>
      tokensOf(config, geometry) * hiddenSize * patchSize ** 2 * (inChannels + outChannels(config)),
    tableWidth: tableWidth(config),
    ...fields,
    facts: [
      [
        'blocks',
        `${depth}, of width ${hiddenSize}, ${heads} head${heads === 1 ? '' : 's'}, MLP of ${mlpSize}`,
      ],
      [
        'images',
        `${inChannels} x ${inputSize} x ${inputSize}, in patches of ${patchSize}${images}${learnSigma ? '; it predicts the variance too' : ''}`,
      ],
      ...facts,
    ],
  });
}

/** The blocks `blocks.0`, `blocks.1`, ... of these sublayers. */
export function blocksOf(
  { depth }: TransformerConfig,
  sublayers: (block: string) => readonly Sublayer[],
): readonly Block[] {
  return Array.from({ length: depth }, (_, i) => ({
    name: `blocks.${i}`,
    sublayers: sublayers(`blocks.${i}`),
  }));
}

/** Stream, inputs and outputs of a linear of the stream's width. */
export function linearOf({ hiddenSize }: TransformerConfig) {
  return { stream: STREAM, inputs: hiddenSize, outputs: hiddenSize };
}

export function selfAttention(
  config: TransformerConfig,
  block: string,
  products: Sublayer['products'] = (geometry) => 2 * tokensOf(config, geometry) ** 2 * config.hiddenSize,
): Sublayer {
  const own = linearOf(config);
  return defineSublayer({
    block,
    name: 'attention',
    groups: [
      { ...own, kind: 'qkv', layers: ['q', 'k', 'v'], tensor: `${block}.attn.qkv` },
      { ...own, kind: 'proj', tensor: `${block}.attn.proj` },
    ],
    products,
  });
}

export function mlp(config: TransformerConfig, block: string): Sublayer {
  const own = linearOf(config);
  return defineSublayer({
    block,
    name: 'mlp',
    groups: [
      { ...own, kind: 'fc1', outputs: config.mlpSize, tensor: `${block}.mlp.fc1` },
      { ...own, kind: 'fc2', inputs: config.mlpSize, tensor: `${block}.mlp.fc2` },
    ],
    pair: ['fc1', 'fc2'],
  });
}
