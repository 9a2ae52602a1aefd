/** A PixArt in either of its layouts, seen under the names of the original code. */
import { ArgumentError, FormatError } from '../../errors.js';
import { CanonicalSource, type ComputedTensor } from '../../weights/canonicalSource.js';
import { readJsonObject } from '../../weights/jsonFile.js';
import type { TensorSource } from '../../weights/tensorSource.js';
import { positionsOf, TRAINED_POSITIONS } from '../dit/positions.js';
import type { Network } from '../network.js';
import { type Anchors, findModel, hasAnchor, leftOut, originOf } from '../tensorNames.js';
import { checkTensors } from '../tensorShapes.js';
import { filtersOf } from './compression.js';
import { type PixArtConfig, tensorShapes } from './config.js';
import { diffusersConfig, diffusersOrigins } from './diffusers.js';
import { checkConfig, inferConfig, NULL_CAPTION, type PixArtHints } from './inferConfig.js';
import { pixartNetwork } from './network.js';
import { ONES } from './step.js';

export type PixArtLayout = 'pixart' | 'diffusers';

export interface OpenedPixArt {
  readonly layout: PixArtLayout;
  readonly network: Network;
  readonly tensors: CanonicalSource;
  readonly notes: readonly string[];
}

const ANCHORS: Anchors<PixArtLayout> = {
  pixart: 't_block.1.weight',
  diffusers: 'adaln_single.linear.weight',
};

/** Whether a PixArt is among tensors of these names. */
export function hasPixArt(names: readonly string[]): boolean {
  return hasAnchor(names, ANCHORS);
}

/**
 * @param files the model's `config.json` and the fields of its `model_index.json`
 *
 * Throws a `FormatError` for tensors that are missing, misshapen or strange, and for a configuration that does not fit them.
 */
export function openPixArt(
  source: TensorSource,
  files: { readonly config: string | undefined; readonly index?: Readonly<Record<string, unknown>> },
  hints: PixArtHints & { readonly weightsKey?: string },
): OpenedPixArt {
  const found = findModel(source.names, ANCHORS, hints.weightsKey);
  if (!found) throw new FormatError(`not a PixArt checkpoint: tensor '${ANCHORS.pixart}' is missing`);
  const { layout, prefix } = found;
  const config =
    layout === 'pixart'
      ? originalConfig(source, prefix, hints)
      : hintedConfig(requireConfig(files), files.index ?? {}, hints);
  const origins = layout === 'pixart' ? sameNames(config) : diffusersOrigins(config);
  const tensors = new CanonicalSource(
    source,
    new Map(
      [...origins].map(([name, parts]) => [
        name,
        originOf(
          source,
          parts.map((part) => prefix + part),
        ),
      ]),
    ),
    new Map(),
    (name) => constantOf(source, prefix, config, name),
  );
  checkTensors(new Map(tensors.names.map((name) => [name, tensors.entry(name)])), tensorShapes(config));
  const alsoUsed = [
    ...UNUSED.map((name) => prefix + name),
    ...source.names.filter((name) => config.compression && COMPRESSION.test(name)),
  ];
  return {
    layout,
    tensors,
    network: pixartNetwork(config),
    notes: [...source.notes, ...leftOut(source, prefix, { tensors, alsoUsed }, OWN, 'PixArt')],
  };
}

function originalConfig(source: TensorSource, prefix: string, hints: PixArtHints): PixArtConfig {
  const headers = source.names
    .filter((name) => name.startsWith(prefix))
    .map((name) => [name.slice(prefix.length), source.entry(name)] as const);
  return inferConfig(new Map(headers), source.metadata, hints, () => source.read(prefix + TRAINED_POSITIONS));
}

function requireConfig({ config }: { readonly config: string | undefined }): string {
  if (config !== undefined) return config;
  throw new FormatError(
    'the weights have the names of diffusers, whose sizes stand in config.json; it is not beside them',
  );
}

/** That of `config.json`, with what the caller knows better. */
function hintedConfig(
  path: string,
  index: Readonly<Record<string, unknown>>,
  { heads, sampleSize, positionScale, captionTokens }: PixArtHints,
): PixArtConfig {
  const config = diffusersConfig(path, readJsonObject(path), index);
  if (heads !== undefined && heads !== config.heads)
    throw new ArgumentError('heads', heads, `${config.heads}, as ${path} has it`);
  const hinted = {
    ...config,
    ...(sampleSize !== undefined && { inputSize: sampleSize }),
    ...(positionScale !== undefined && { positionScale }),
    ...(captionTokens !== undefined && { captionTokens }),
  };
  checkConfig(hinted);
  return hinted;
}

function sameNames(config: PixArtConfig): Map<string, readonly string[]> {
  return new Map([...tensorShapes(config).keys()].map((name) => [name, [name]]));
}

/** What plans and guidance may name though it is no weight of the network. */
function constantOf(
  source: TensorSource,
  prefix: string,
  config: PixArtConfig,
  name: string,
): ComputedTensor | undefined {
  const { hiddenSize, inputSize } = config;
  if (name === ONES) return { shape: [hiddenSize], values: () => new Float32Array(hiddenSize).fill(1) };
  if (name === NULL_CAPTION && source.names.includes(prefix + name))
    return { shape: source.entry(prefix + name).shape, values: () => source.read(prefix + name) };
  const filters = filtersOf(name, config, (own) => source.read(prefix + own));
  if (filters) return filters;
  const trained = `${TRAINED_POSITIONS}.${inputSize}x${inputSize}`;
  return positionsOf(config, name === TRAINED_POSITIONS ? trained : name);
}

/** Tensors of such files that are computed here, or asked for by name. */
const UNUSED = [TRAINED_POSITIONS, 'pos_embed.pos_embed', NULL_CAPTION];

/** Of a sampling that is learned; files have them whatever the sampling. */
const COMPRESSION = /\.attn\.(?:sr|norm)\.(?:weight|bias)$/;

/** Names that begin the tensors of a PixArt in either layout. */
const OWN =
  /^(?:(?:blocks|transformer_blocks)\.|[xyt]_embedder\.|t_block\.|csize_embedder|ar_embedder|final_layer\.|pos_embed|proj_out|norm_out|adaln|scale_shift|caption_projection)/;
