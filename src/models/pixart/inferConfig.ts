/** The configuration of a PixArt from the tensors of a checkpoint with the names of the original code. */
import { ArgumentError, FormatError, requireInteger, requireNumber, requireOneOf } from '../../errors.js';
import { checkMetadata, checkTensors, metadataConfig, shapeOf, type TensorHeaders } from '../tensorShapes.js';
import { checkHeads, inferSizes, sizeFields } from '../transformer/inferConfig.js';
import {
  CAPTION_TOKENS,
  type Compression,
  KV_SAMPLINGS,
  type KvSampling,
  NULL_CAPTION,
  type PixArtConfig,
  tensorShapes,
} from './config.js';

/** What neither shapes nor a config.json need tell. */
export interface PixArtHints {
  readonly heads?: number;
  /** Height and width of the latents that it was trained for. */
  readonly sampleSize?: number;
  /** What places of the position table are divided by; diffusers' `interpolation_scale`, the original's `pe_interpolation`. */
  readonly positionScale?: number;
  /** Tokens of a caption: 120 of alpha, 300 of Sigma. */
  readonly captionTokens?: number;
  /** How a model with compressed keys and values makes them fewer. Default `conv`. */
  readonly kvSampling?: KvSampling;
}

const KIND = 'PixArt';
const BLOCK = /^blocks\.(\d+)\.(?:attn|cross_attn|mlp|scale_shift_table)/;

/** PixArt-XL has 16 of them, and no other PixArt was published. */
const HEADS = 16;
/** Positions run to 32 in every published model: 64 latents are divided by 1, 128 by 2, 256 by 4. */
const POSITIONS = 64;
/** Latents of 1024 pixels. */
const SAMPLE_SIZE = 128;

/**
 * Sizes are those of the shapes; what no shape tells comes from `hints`, else from the metadata's `config` (JSON), else it is
 * as in the published models. `positions` reads the file's position table, which says what it was divided by.
 *
 * Throws a `FormatError` that names the first tensor that is missing or misshapen; others are not looked at.
 */
export function inferConfig(
  tensors: TensorHeaders,
  metadata: Readonly<Record<string, string>>,
  hints: PixArtHints,
  positions: () => Float32Array,
): PixArtConfig {
  const sizes = inferSizes(tensors, KIND, BLOCK);
  const [, captionChannels] = shapeOf(tensors, 'y_embedder.y_proj.fc1.weight', 2, KIND);
  const said = metadataConfig(metadata);
  const { sampleSize: inputSize, positionScale } = sizesOf(tensors, sizes.patchSize, hints, said, positions);
  const config: PixArtConfig = {
    ...sizes,
    inputSize,
    heads: headsOf(sizes.hiddenSize, hints, said),
    captionChannels: captionChannels!,
    captionTokens: captionTokensOf(tensors, hints, said),
    sizeConditions: tensors.has('csize_embedder.mlp.0.weight'),
    positionScale,
    ...compressionOf(tensors, hints, said),
  };
  checkConfig(config);
  checkTensors(tensors, tensorShapes(config));
  checkMetadata(said, shapedFields(config));
  return config;
}

/** What hints and metadata may have brought in. Throws an `ArgumentError`. */
export function checkConfig({ inputSize, patchSize, positionScale, captionTokens }: PixArtConfig): void {
  requireInteger('sampleSize', inputSize, 1, 2 ** 14);
  if (inputSize % patchSize !== 0)
    throw new ArgumentError('sampleSize', inputSize, `a multiple of the patch size ${patchSize}`);
  requireNumber('positionScale', positionScale, 2 ** -10, 2 ** 10);
  requireInteger('captionTokens', captionTokens, 1, 2 ** 14);
}

function sizesOf(
  tensors: TensorHeaders,
  patchSize: number,
  hints: PixArtHints,
  said: Readonly<Record<string, unknown>>,
  positions: () => Float32Array,
): { sampleSize: number; positionScale: number } {
  const side = Math.sqrt(tensors.get('pos_embed')?.shape[1] ?? 0);
  const hasTable = Number.isInteger(side) && side > 1;
  const sampleSize =
    hints.sampleSize ??
    (said.input_size as number | undefined) ??
    (hasTable ? side * patchSize : SAMPLE_SIZE);
  const positionScale =
    hints.positionScale ??
    (said.position_scale as number | undefined) ??
    (hasTable ? scaleOfTable(positions(), tensors.get('pos_embed')!.shape) : sampleSize / POSITIONS);
  return { sampleSize, positionScale };
}

/** The second token lies in column 1 / scale, whose sine is its first channel; its cosine begins the second quarter. */
function scaleOfTable(table: Float32Array, [, tokens, channels]: readonly number[]): number {
  const token = table.subarray(channels!, 2 * channels!);
  const column = Math.atan2(token[0]!, token[channels! / 4]!);
  if (tokens! * channels! !== table.length || !(column > 0))
    throw new FormatError(`pos_embed of shape [1, ${tokens}, ${channels}] is no position table of a PixArt`);
  return Number((1 / column).toPrecision(4));
}

/** Compression of the blocks that have the tensors of a learned sampling. */
function compressionOf(
  tensors: TensorHeaders,
  hints: PixArtHints,
  said: Readonly<Record<string, unknown>>,
): { compression?: Compression } {
  const blocks = [...tensors.keys()].flatMap(
    (name) => /^blocks\.(\d+)\.attn\.sr\.weight$/.exec(name)?.[1] ?? [],
  );
  if (blocks.length === 0) return {};
  const sampling = hints.kvSampling ?? said.kv_sampling ?? 'conv';
  requireOneOf('kvSampling', sampling, KV_SAMPLINGS);
  return { compression: { blocks: blocks.map(Number).sort((a, b) => a - b), sampling } };
}

function headsOf(hiddenSize: number, hints: PixArtHints, said: Readonly<Record<string, unknown>>): number {
  const heads = (hints.heads ?? said.num_heads ?? HEADS) as number;
  checkHeads(heads, hiddenSize);
  return heads;
}

function captionTokensOf(
  tensors: TensorHeaders,
  hints: PixArtHints,
  said: Readonly<Record<string, unknown>>,
): number {
  const rows = tensors.get(NULL_CAPTION)?.shape[0];
  return hints.captionTokens ?? (said.caption_tokens as number | undefined) ?? rows ?? CAPTION_TOKENS.alpha;
}

/** The metadata by which `inferConfig` gives this configuration, whatever the shapes leave open. */
export function configMetadata(config: PixArtConfig): Record<string, string> {
  return {
    config: JSON.stringify({
      ...shapedFields(config),
      input_size: config.inputSize,
      num_heads: config.heads,
      position_scale: config.positionScale,
      caption_tokens: config.captionTokens,
      kv_sampling: config.compression?.sampling,
    }),
  };
}

/** What the metadata call the fields that the shapes determine. */
function shapedFields(config: PixArtConfig) {
  return {
    ...sizeFields(config),
    caption_channels: config.captionChannels,
  };
}
