/** The configuration of a DiT from the tensors of a checkpoint with Meta's key names. */
import { ArgumentError, FormatError, requireInteger } from '../../errors.js';
import { checkMetadata, checkTensors, metadataConfig, shapeOf, type TensorHeaders } from '../tensorShapes.js';
import { checkHeads, inferSizes, sizeFields } from '../transformer/inferConfig.js';
import { type DiTConfig, SIZES, tensorShapes } from './config.js';

/** What the shapes of a checkpoint leave open, or what its metadata may say. */
export interface ConfigHints {
  readonly heads?: number;
  /** Instead of the one of the code that wrote the file: 0 is Meta's, with which the published DiTs were trained. */
  readonly frequencyShift?: number;
}

const KIND = 'DiT';

const BLOCK = /^blocks\.(\d+)\.(?:attn|mlp|adaLN_modulation)\./;

/** `forward_with_cfg` of Meta's DiT guides the first three channels. */
const META_GUIDED_CHANNELS = 3;

/**
 * The configuration that the shapes of a checkpoint determine. The number of heads is in no shape: it is
 * taken from `hints`, else from the metadata's `config` (JSON, `num_heads`), else from the named size of
 * the same width and depth.
 *
 * Throws a `FormatError` that names the first tensor that is missing or misshapen; others are not looked at.
 */
export function inferConfig(
  tensors: TensorHeaders,
  metadata: Readonly<Record<string, string>>,
  hints: ConfigHints = {},
): DiTConfig {
  const sizes = inferSizes(tensors, KIND, BLOCK);
  const { hiddenSize, inChannels, patchSize, depth } = sizes;
  const [, tokens] = shapeOf(tensors, 'pos_embed', 3, KIND);
  const blockEmbedders = tensors.has('blocks.0.y_embedder.embedding_table.weight');
  const table = `${blockEmbedders ? 'blocks.0.' : ''}y_embedder.embedding_table.weight`;
  const [tableRows] = shapeOf(tensors, table, 2, KIND);
  const side = Math.sqrt(tokens!);
  if (!Number.isInteger(side))
    throw new FormatError(`pos_embed has ${tokens} tokens; expected a square number`);
  const config: DiTConfig = {
    ...sizes,
    inputSize: side * patchSize,
    heads: headsOf(hiddenSize, depth, metadata, hints),
    classes: tableRows! - 1,
    guidanceChannels: Math.min(inChannels, META_GUIDED_CHANNELS),
    ...(blockEmbedders && { blockEmbedders }),
    ...metadataNumerics(metadata, inChannels),
  };
  requireInteger('classes', config.classes, 1);
  checkTensors(tensors, tensorShapes(config));
  // The metadata may repeat what the shapes say, but not contradict it.
  checkMetadata(metadataConfig(metadata), shapedFields(config));
  return config;
}

function headsOf(
  hiddenSize: number,
  depth: number,
  metadata: Readonly<Record<string, string>>,
  hints: ConfigHints,
): number {
  const named = Object.values(SIZES).find((size) => size.hiddenSize === hiddenSize && size.depth === depth);
  const said = metadataConfig(metadata) as { readonly num_heads?: number };
  const heads = hints.heads ?? said.num_heads ?? named?.heads;
  if (heads === undefined)
    throw new ArgumentError(
      'heads',
      heads,
      `the number of attention heads: no shape tells it, the metadata has no num_heads and ${depth} blocks of ${hiddenSize} are no named size`,
    );
  checkHeads(heads, hiddenSize);
  return heads;
}

/** What the metadata say of a model that Meta's code would compute otherwise. */
function metadataNumerics(
  metadata: Readonly<Record<string, string>>,
  inChannels: number,
): Partial<DiTConfig> {
  const said = metadataConfig(metadata);
  const number = (field: string, maximum: number): number | undefined => {
    const value = said[field];
    if (value === undefined) return undefined;
    if (typeof value === 'number' && value >= 0 && value <= maximum) return value;
    throw new FormatError(`the metadata says ${field} ${JSON.stringify(value)}; expected 0 to ${maximum}`);
  };
  const frequencyShift = number('frequency_shift', 1);
  const mlpNormEpsilon = number('mlp_norm_eps', 1);
  const guidanceChannels = number('guidance_channels', inChannels);
  return {
    ...(frequencyShift !== undefined && { frequencyShift }),
    ...(mlpNormEpsilon !== undefined && { mlpNormEpsilon }),
    ...(guidanceChannels !== undefined && { guidanceChannels }),
  };
}

/** The metadata by which `inferConfig` gives this configuration, whatever the shapes leave open. */
export function configMetadata(config: DiTConfig): Record<string, string> {
  return {
    config: JSON.stringify({
      ...shapedFields(config),
      num_heads: config.heads,
      frequency_shift: config.frequencyShift,
      mlp_norm_eps: config.mlpNormEpsilon,
      guidance_channels: config.guidanceChannels,
    }),
  };
}

/** What the metadata call the fields that the shapes determine. */
function shapedFields(config: DiTConfig) {
  return {
    ...sizeFields(config),
    input_size: config.inputSize,
    num_classes: config.classes,
  };
}
