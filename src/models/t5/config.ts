/** What a T5 text encoder is, from its config.json (transformers' T5EncoderModel and UMT5EncoderModel). */
import { FormatError, requireInteger, requireNumber } from '../../errors.js';

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

const MOST = 2 ** 20;

/** Throws a `FormatError` that names the field for what is not supported; `where` names the file in messages. */
export function parseT5Config(json: Readonly<Record<string, unknown>>, where: string): T5Config {
  const type = json.model_type;
  if (type !== 't5' && type !== 'umt5')
    throw new FormatError(`${where}: model_type is ${JSON.stringify(type)}; expected 't5' or 'umt5'`);
  const mlp = json.feed_forward_proj;
  if (mlp !== 'gated-gelu')
    throw new FormatError(
      `${where}: feed_forward_proj is ${JSON.stringify(mlp)}; expected 'gated-gelu', as T5 v1.1 has it`,
    );
  const value = (field: keyof typeof DEFAULTS): unknown => json[field] ?? DEFAULTS[field];
  const count = (field: keyof typeof DEFAULTS): number => {
    const number = value(field);
    requireInteger(`${field} in ${where}`, number, 1, MOST);
    return number;
  };
  const epsilon = value('layer_norm_epsilon');
  requireNumber(`layer_norm_epsilon in ${where}`, epsilon, 0);
  return {
    width: count('d_model'),
    heads: count('num_heads'),
    headDimension: count('d_kv'),
    mlpSize: count('d_ff'),
    layers: count('num_layers'),
    vocabulary: count('vocab_size'),
    epsilon,
    buckets: count('relative_attention_num_buckets'),
    maxDistance: count('relative_attention_max_distance'),
    ownBias: type === 'umt5',
  };
}
