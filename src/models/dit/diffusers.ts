/**
 * DiT as diffusers writes it: `Transformer2DModel` (to 0.27) and `DiTTransformer2DModel`. The configuration stands in
 * `config.json`; the tensors have other names than Meta's, and each block has embedders of its own.
 */

import type { Fields } from '../configFields.js';
import { LinearOrigins, TransformerFields } from '../transformer/diffusers.js';
import type { DiTConfig } from './config.js';
import { embedderPrefixes } from './config.js';

/** What the classes take where the file is silent. */
const DEFAULTS: Readonly<Record<string, Fields>> = {
  DiTTransformer2DModel: {
    num_attention_heads: 16,
    attention_head_dim: 72,
    in_channels: 4,
    out_channels: null,
    num_layers: 28,
    attention_bias: true,
    sample_size: 32,
    patch_size: 2,
    activation_fn: 'gelu-approximate',
    num_embeds_ada_norm: 1000,
    norm_type: 'ada_norm_zero',
    norm_elementwise_affine: false,
    norm_eps: 1e-5,
  },
  Transformer2DModel: {
    num_attention_heads: 16,
    attention_head_dim: 88,
    in_channels: null,
    out_channels: null,
    num_layers: 1,
    attention_bias: false,
    sample_size: null,
    patch_size: null,
    activation_fn: 'geglu',
    num_embeds_ada_norm: null,
    norm_type: 'layer_norm',
    norm_elementwise_affine: true,
    norm_eps: 1e-5,
  },
};

/** A DiT is a transformer with exactly these. */
const REQUIRED: Fields = {
  norm_type: 'ada_norm_zero',
  attention_bias: true,
  activation_fn: 'gelu-approximate',
  norm_elementwise_affine: false,
};

const KIND = { name: 'DiT', defaults: DEFAULTS, required: REQUIRED };

/** `Timesteps(num_channels=256, downscale_freq_shift=1)` in every version of diffusers. */
const FREQUENCY_SHIFT = 1;

/**
 * The configuration that `config.json` gives. Throws a `FormatError` that starts with `path` and names the field that is
 * not what a DiT has.
 */
export function diffusersConfig(path: string, file: Fields): DiTConfig {
  const read = new TransformerFields(path, file, KIND);
  const { className, fields, sizes } = read;
  if (sizes.hiddenSize % 4 !== 0) read.refuse('attention_head_dim', 'a width that four divides');
  const epsilon = fields.norm_eps;
  if (typeof epsilon !== 'number' || !(epsilon > 0 && epsilon < 1))
    return read.refuse('norm_eps', 'a number between 0 and 1');
  // `interpolation_scale` of Transformer2DModel; the newer class has none.
  const positionScale =
    className === 'Transformer2DModel' ? Math.max(Math.floor(sizes.inputSize / 64), 1) : 1;
  return {
    ...sizes,
    classes: read.count('num_embeds_ada_norm'),
    frequencyShift: FREQUENCY_SHIFT,
    mlpNormEpsilon: epsilon,
    guidanceChannels: sizes.inChannels,
    ...(positionScale !== 1 && { positionScale }),
  };
}

/** Tensors outside the blocks: diffusers' name, Meta's name. */
const OUTSIDE = [
  ['pos_embed.proj', 'x_embedder.proj'],
  ['proj_out_1', 'final_layer.adaLN_modulation.1'],
  ['proj_out_2', 'final_layer.linear'],
] as const;

/** Within a block, behind `transformer_blocks.i.` and `blocks.i.`; several are joined by rows, in this order. */
const IN_BLOCK = [
  [['norm1.linear'], 'adaLN_modulation.1'],
  [['attn1.to_q', 'attn1.to_k', 'attn1.to_v'], 'attn.qkv'],
  [['attn1.to_out.0'], 'attn.proj'],
  [['ff.net.0.proj'], 'mlp.fc1'],
  [['ff.net.2'], 'mlp.fc2'],
] as const;

/** Behind `transformer_blocks.i.norm1.emb.`; Meta has them once. */
const EMBEDDERS = [
  ['timestep_embedder.linear_1.weight', 't_embedder.mlp.0.weight'],
  ['timestep_embedder.linear_1.bias', 't_embedder.mlp.0.bias'],
  ['timestep_embedder.linear_2.weight', 't_embedder.mlp.2.weight'],
  ['timestep_embedder.linear_2.bias', 't_embedder.mlp.2.bias'],
  ['class_embedder.embedding_table.weight', 'y_embedder.embedding_table.weight'],
] as const;

/** The tensors of the embedders of a block, in the order of Meta's names. */
export function diffusersEmbedders(block: number): string[] {
  return EMBEDDERS.map(([name]) => `transformer_blocks.${block}.norm1.emb.${name}`);
}

/** For every tensor of Meta's names but `pos_embed`, which is computed, those of diffusers that it is joined from. */
export function diffusersOrigins(config: DiTConfig): Map<string, readonly string[]> {
  const origins = new LinearOrigins();
  for (const [from, to] of OUTSIDE) origins.linear([from], to);
  for (let block = 0; block < config.depth; block++)
    for (const [from, to] of IN_BLOCK)
      origins.linear(
        from.map((name) => `transformer_blocks.${block}.${name}`),
        `blocks.${block}.${to}`,
      );
  for (const [block, prefix] of embedderPrefixes(config).entries())
    for (const [i, name] of diffusersEmbedders(block).entries())
      origins.set(`${prefix}${EMBEDDERS[i]![1]}`, [name]);
  return origins;
}
