/** What a DiT is, and how to tell it from the tensors of a checkpoint. */
import { ArgumentError } from '../../errors.js';
import { FREQUENCY_SIZE, outChannels, type TransformerConfig, tokensOf } from '../transformer/config.js';

export interface DiTConfig extends TransformerConfig {
  /** Number of classes; the label table has one more row, the null class of classifier-free guidance. */
  readonly classes: number;
  /**
   * The timestep frequencies are exp(-ln(10000) i / (128 - shift)). Default 0, as Meta trained DiT; diffusers computes
   * the same weights with 1.
   */
  readonly frequencyShift?: number;
  /** Noise channels that the original code guides: 3 of 4 in Meta's. Default: all. */
  readonly guidanceChannels?: number;
  /**
   * Whether every block has embedders of its own for timestep and label (`blocks.0.t_embedder`, ...), as diffusers keeps
   * them; the final layer takes those of block 0. Default: all share one.
   */
  readonly blockEmbedders?: boolean;
}

/** What the names of the embedders of timestep and label begin with: one for all, or one per block. */
export function embedderPrefixes({ blockEmbedders, depth }: DiTConfig): string[] {
  return blockEmbedders ? Array.from({ length: depth }, (_, block) => `blocks.${block}.`) : [''];
}

/** The sizes of the DiT paper (Peebles and Xie, table 1). */
export const SIZES = {
  S: { depth: 12, hiddenSize: 384, heads: 6 },
  B: { depth: 12, hiddenSize: 768, heads: 12 },
  L: { depth: 24, hiddenSize: 1024, heads: 16 },
  XL: { depth: 28, hiddenSize: 1152, heads: 16 },
} as const;

/**
 * The configuration of a named size, as `DiT-XL/2`: sizes S, B, L, XL with patch 2, 4, 8, for ImageNet
 * latents (4 channels of `inputSize` x `inputSize`, 1000 classes, learned sigma, mlp ratio 4).
 */
export function namedConfig(name: string, inputSize = 32): DiTConfig {
  const [, size, patch] = /^DiT-(S|B|L|XL)\/([248])$/.exec(name) ?? [];
  if (size === undefined)
    throw new ArgumentError('model size', name, 'DiT-{S, B, L, XL}/{2, 4, 8}, as in DiT-XL/2');
  const { hiddenSize, ...rest } = SIZES[size as keyof typeof SIZES];
  return {
    inputSize,
    patchSize: Number(patch),
    inChannels: 4,
    hiddenSize,
    ...rest,
    mlpSize: 4 * hiddenSize,
    classes: 1000,
    learnSigma: true,
    guidanceChannels: 3,
  };
}

/** The shape of every tensor of a checkpoint with the official key names. */
export function tensorShapes(config: DiTConfig): Map<string, readonly number[]> {
  const { hiddenSize: c, mlpSize, patchSize: p, inChannels } = config;
  const shapes = new Map<string, readonly number[]>();
  const linear = (name: string, rows: number, columns: number) => {
    shapes.set(`${name}.weight`, [rows, columns]);
    shapes.set(`${name}.bias`, [rows]);
  };
  shapes.set('pos_embed', [1, tokensOf(config), c]);
  shapes.set('x_embedder.proj.weight', [c, inChannels, p, p]);
  shapes.set('x_embedder.proj.bias', [c]);
  for (const prefix of embedderPrefixes(config)) {
    linear(`${prefix}t_embedder.mlp.0`, c, FREQUENCY_SIZE);
    linear(`${prefix}t_embedder.mlp.2`, c, c);
    shapes.set(`${prefix}y_embedder.embedding_table.weight`, [config.classes + 1, c]);
  }
  for (let block = 0; block < config.depth; block++) {
    linear(`blocks.${block}.attn.qkv`, 3 * c, c);
    linear(`blocks.${block}.attn.proj`, c, c);
    linear(`blocks.${block}.mlp.fc1`, mlpSize, c);
    linear(`blocks.${block}.mlp.fc2`, c, mlpSize);
    linear(`blocks.${block}.adaLN_modulation.1`, 6 * c, c);
  }
  linear('final_layer.linear', p * p * outChannels(config), c);
  linear('final_layer.adaLN_modulation.1', 2 * c, c);
  return shapes;
}
