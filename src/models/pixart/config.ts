/** What a PixArt is: alpha (Chen et al., 2023) and Sigma (Chen et al., 2024). */
import { FREQUENCY_SIZE, outChannels, type TransformerConfig } from '../transformer/config.js';

export interface PixArtConfig extends TransformerConfig {
  /** Width of the text encoder's embeddings. */
  readonly captionChannels: number;
  /** Tokens that a caption has at most: 120 of alpha, 300 of Sigma. */
  readonly captionTokens: number;
  /** Whether it is told the height, the width and the aspect ratio of the picture, as alpha's 1024-MS is. */
  readonly sizeConditions: boolean;
  readonly positionScale: number;
  /** For Sigma's largest models: how keys and values of some self-attentions are made fewer. */
  readonly compression?: Compression;
}

/** One of 2 x 2 tokens remains. */
export interface Compression {
  readonly blocks: readonly number[];
  /** `conv`: each channel by a convolution of its own, then a layer norm; `ave` and `uniform`: the top left token. */
  readonly sampling: KvSampling;
}

export const KV_SAMPLINGS = ['conv', 'ave', 'uniform'] as const;
export type KvSampling = (typeof KV_SAMPLINGS)[number];

/** The shape of every tensor that the plans read, by the names of the original code. */
export function tensorShapes(config: PixArtConfig): Map<string, readonly number[]> {
  const { hiddenSize: c, mlpSize, patchSize: p, inChannels, captionChannels } = config;
  const shapes = new Map<string, readonly number[]>();
  const linear = (name: string, rows: number, columns: number) => {
    shapes.set(`${name}.weight`, [rows, columns]);
    shapes.set(`${name}.bias`, [rows]);
  };
  const embedder = (name: string, width: number) => {
    linear(`${name}.mlp.0`, width, FREQUENCY_SIZE);
    linear(`${name}.mlp.2`, width, width);
  };
  shapes.set('x_embedder.proj.weight', [c, inChannels, p, p]);
  shapes.set('x_embedder.proj.bias', [c]);
  embedder('t_embedder', c);
  if (config.sizeConditions) for (const name of SIZE_EMBEDDERS) embedder(name, c / 3);
  linear('t_block.1', 6 * c, c);
  linear('y_embedder.y_proj.fc1', c, captionChannels);
  linear('y_embedder.y_proj.fc2', c, c);
  for (let block = 0; block < config.depth; block++) {
    const name = `blocks.${block}`;
    shapes.set(`${name}.scale_shift_table`, [6, c]);
    linear(`${name}.attn.qkv`, 3 * c, c);
    linear(`${name}.attn.proj`, c, c);
    if (config.compression?.sampling === 'conv' && config.compression.blocks.includes(block)) {
      shapes.set(`${name}.attn.sr.weight`, [c, 1, 2, 2]);
      for (const tensor of ['sr.bias', 'norm.weight', 'norm.bias']) shapes.set(`${name}.attn.${tensor}`, [c]);
    }
    linear(`${name}.cross_attn.q_linear`, c, c);
    linear(`${name}.cross_attn.kv_linear`, 2 * c, c);
    linear(`${name}.cross_attn.proj`, c, c);
    linear(`${name}.mlp.fc1`, mlpSize, c);
    linear(`${name}.mlp.fc2`, c, mlpSize);
  }
  shapes.set('final_layer.scale_shift_table', [2, c]);
  linear('final_layer.linear', p * p * outChannels(config), c);
  return shapes;
}

/** Embedders of height and width, which share one, and of their ratio. */
export const SIZE_EMBEDDERS = ['csize_embedder', 'ar_embedder'] as const;

/** Tokens of a caption that the two models were trained with. */
export const CAPTION_TOKENS = { alpha: 120, sigma: 300 } as const;

/** The null caption, captionTokens x captionChannels: the original's guidance takes it in place of an empty text. */
export const NULL_CAPTION = 'y_embedder.y_embedding';
