/** What a T5 text encoder is, from its config.json (transformers' T5EncoderModel and UMT5EncoderModel). */
import { ConfigFields, MOST_LAYERS } from '../configFields.js';

export interface T5Config {
  /** Width of the embeddings that it gives. */
  readonly width: number;
  readonly heads: number;
  /** Channels of a head; heads * headDimension need not be the width. */
  readonly headDimension: number;
  readonly mlpSize: number;
  readonly layers: number;
  readonly vocabulary: number;
  readonly epsilon: number;
  /** Buckets of the relative positions, and the distance from which all share the last one. */
  readonly buckets: number;
  readonly maxDistance: number;
  /** Whether every layer has a table of position biases of its own (UMT5), or all that of the first one. */
  readonly ownBias: boolean;
}

/** Defaults of transformers' T5Config, for what a config.json leaves out. */
const DEFAULTS = {
  d_model: 512,
  num_heads: 8,
  d_kv: 64,
  d_ff: 2048,
  num_layers: 6,
  vocab_size: 32128,
  layer_norm_epsilon: 1e-6,
  relative_attention_num_buckets: 32,
  relative_attention_max_distance: 128,
} as const;

/** Throws a `FormatError` that names the field for what is not supported; `where` names the file in messages. */
export function parseT5Config(json: Readonly<Record<string, unknown>>, where: string): T5Config {
  const read = new ConfigFields(where, json, DEFAULTS);
  const type = read.oneOf('model_type', ['t5', 'umt5']);
  // That of version 1.1.
  read.oneOf('feed_forward_proj', ['gated-gelu']);
  return {
    width: read.count('d_model'),
    heads: read.count('num_heads'),
    headDimension: read.count('d_kv'),
    mlpSize: read.count('d_ff'),
    layers: read.count('num_layers', MOST_LAYERS),
    vocabulary: read.count('vocab_size'),
    epsilon: read.positive('layer_norm_epsilon'),
    buckets: read.count('relative_attention_num_buckets'),
    maxDistance: read.count('relative_attention_max_distance'),
    ownBias: type === 'umt5',
  };
}
