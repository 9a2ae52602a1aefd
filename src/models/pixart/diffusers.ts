/**
 * PixArt as diffusers writes it: `Transformer2DModel` (to 0.27) and `PixArtTransformer2DModel`. The configuration stands in
 * `config.json`; q, k and v are tensors of their own.
 */

import { type Fields, MOST_COUNT } from '../configFields.js';
import { LinearOrigins, TransformerFields } from '../transformer/diffusers.js';
import { CAPTION_TOKENS, type PixArtConfig, SIZE_EMBEDDERS } from './config.js';

/** What the classes take where the file is silent. */
const DEFAULTS: Readonly<Record<string, Fields>> = {
  PixArtTransformer2DModel: {
    num_attention_heads: 16,
    attention_head_dim: 72,
    in_channels: 4,
    out_channels: 8,
    num_layers: 28,
    attention_bias: true,
    sample_size: 128,
    patch_size: 2,
    activation_fn: 'gelu-approximate',
    norm_type: 'ada_norm_single',
    norm_elementwise_affine: false,
    norm_eps: 1e-6,
    interpolation_scale: null,
    use_additional_conditions: null,
    caption_channels: null,
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
    norm_type: 'layer_norm',
    norm_elementwise_affine: true,
    norm_eps: 1e-5,
    interpolation_scale: null,
    use_additional_conditions: null,
    caption_channels: null,
  },
};

/** A PixArt is a transformer with exactly these. */
const REQUIRED: Fields = {
  norm_type: 'ada_norm_single',
  attention_bias: true,
  activation_fn: 'gelu-approximate',
  norm_elementwise_affine: false,
  norm_eps: 1e-6,
};

const KIND = { name: 'PixArt', defaults: DEFAULTS, required: REQUIRED };

/** The side of the latents for which diffusers takes the model to be told of sizes, and from which it takes it for Sigma's where it is not. */
const LARGE = 128;

/**
 * The configuration that `config.json` gives, but for what `modelIndex`, the fields of `model_index.json`, say of captions.
 * Throws a `FormatError` that starts with `path` and names the field that is not what a PixArt has.
 */
export function diffusersConfig(path: string, file: Fields, modelIndex: Fields): PixArtConfig {
  const read = new TransformerFields(path, file, KIND);
  const { fields, sizes } = read;
  const { inputSize, hiddenSize } = sizes;
  const sizeConditions = fields.use_additional_conditions ?? inputSize === LARGE;
  if (typeof sizeConditions !== 'boolean') return read.refuse('use_additional_conditions', 'true or false');
  // Positions have sines and cosines of two axes; each number of a size takes a third of the width.
  if (hiddenSize % (sizeConditions ? 12 : 4) !== 0)
    read.refuse('attention_head_dim', `a width that ${sizeConditions ? 'twelve' : 'four'} divides`);
  const positionScale = fields.interpolation_scale ?? Math.max(Math.floor(inputSize / 64), 1);
  if (typeof positionScale !== 'number' || !(positionScale > 0 && positionScale <= MOST_COUNT))
    return read.refuse('interpolation_scale', 'a positive number');
  return {
    ...sizes,
    captionChannels: read.count('caption_channels'),
    captionTokens: captionTokens(modelIndex, inputSize >= LARGE && !sizeConditions),
    sizeConditions,
    positionScale,
  };
}

/** By the class of the pipeline; without one by whether the network looks like Sigma's. */
function captionTokens({ _class_name: pipeline }: Fields, isLikeSigma: boolean): number {
  const isSigma = typeof pipeline === 'string' ? /Sigma/.test(pipeline) : isLikeSigma;
  return isSigma ? CAPTION_TOKENS.sigma : CAPTION_TOKENS.alpha;
}

/** Linears outside the blocks: diffusers' name, the original's name. */
const OUTSIDE = [
  ['pos_embed.proj', 'x_embedder.proj'],
  ['adaln_single.linear', 't_block.1'],
  ['caption_projection.linear_1', 'y_embedder.y_proj.fc1'],
  ['caption_projection.linear_2', 'y_embedder.y_proj.fc2'],
  ['proj_out', 'final_layer.linear'],
] as const;

/** Embedders, behind `adaln_single.emb.`. */
const TIMESTEP = ['timestep_embedder', 't_embedder'] as const;
const SIZES = [
  ['resolution_embedder', SIZE_EMBEDDERS[0]],
  ['aspect_ratio_embedder', SIZE_EMBEDDERS[1]],
] as const;

/** Within a block, behind `transformer_blocks.i.` and `blocks.i.`; several are joined by rows, in this order. */
const IN_BLOCK = [
  [['attn1.to_q', 'attn1.to_k', 'attn1.to_v'], 'attn.qkv'],
  [['attn1.to_out.0'], 'attn.proj'],
  [['attn2.to_q'], 'cross_attn.q_linear'],
  [['attn2.to_k', 'attn2.to_v'], 'cross_attn.kv_linear'],
  [['attn2.to_out.0'], 'cross_attn.proj'],
  [['ff.net.0.proj'], 'mlp.fc1'],
  [['ff.net.2'], 'mlp.fc2'],
] as const;

/** For every tensor of the original's names those of diffusers that it is joined from. */
export function diffusersOrigins({ depth, sizeConditions }: PixArtConfig): Map<string, readonly string[]> {
  const origins = new LinearOrigins();
  for (const [from, to] of OUTSIDE) origins.linear([from], to);
  for (const [from, to] of sizeConditions ? [TIMESTEP, ...SIZES] : [TIMESTEP])
    for (const [i, place] of [0, 2].entries())
      origins.linear([`adaln_single.emb.${from}.linear_${i + 1}`], `${to}.mlp.${place}`);
  origins.set('final_layer.scale_shift_table', ['scale_shift_table']);
  for (let block = 0; block < depth; block++) {
    const [theirs, own] = [`transformer_blocks.${block}`, `blocks.${block}`];
    origins.set(`${own}.scale_shift_table`, [`${theirs}.scale_shift_table`]);
    for (const [from, to] of IN_BLOCK)
      origins.linear(
        from.map((name) => `${theirs}.${name}`),
        `${own}.${to}`,
      );
  }
  return origins;
}
