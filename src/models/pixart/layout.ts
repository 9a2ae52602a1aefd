/** A PixArt in either of its layouts, seen under the names of the original code. */
import { FormatError } from '../../errors.js';
import { CanonicalSource, type ComputedTensor } from '../../weights/canonicalSource.js';
import { readJsonObject } from '../../weights/jsonFile.js';
import type { TensorSource } from '../../weights/tensorSource.js';
import type { OpenedNetwork } from '../openedNetwork.js';
import { findModel, headersOf, leftOut, originsOf, sameNames } from '../tensorNames.js';
import { checkTensors } from '../tensorShapes.js';
import { type ConfigFile, requireConfig, requireHeads } from '../transformer/diffusers.js';
import { positionsOf, TRAINED_POSITIONS } from '../transformer/positions.js';
import { ANCHORS, type PixArtLayout } from './anchors.js';
import { filtersOf } from './compression.js';
import { NULL_CAPTION, type PixArtConfig, tensorShapes } from './config.js';
import { diffusersConfig, diffusersOrigins } from './diffusers.js';
import { checkConfig, inferConfig, type PixArtHints } from './inferConfig.js';
import { pixartNetwork } from './network.js';
import { ONES } from './step.js';

/**
 * @param files the model's `config.json` and the fields of its `model_index.json`
 *
 * Throws a `FormatError` for tensors that are missing, misshapen or strange, and for a configuration that does not fit them.
 */
export function openPixArt(
  source: TensorSource,
  files: ConfigFile,
  hints: PixArtHints & { readonly weightsKey?: string },
): OpenedNetwork<PixArtLayout> {
  const found = findModel(source.names, ANCHORS, hints.weightsKey);
  if (!found) throw new FormatError(`not a PixArt checkpoint: tensor '${ANCHORS.pixart}' is missing`);
  const { layout, prefix } = found;
  const config =
    layout === 'pixart'
      ? inferConfig(headersOf(source, prefix), source.metadata, hints, () =>
          source.read(prefix + TRAINED_POSITIONS),
        )
      : hintedConfig(requireConfig(files), files.index ?? {}, hints);
  const names = layout === 'pixart' ? sameNames(tensorShapes(config)) : diffusersOrigins(config);
  const tensors = new CanonicalSource(source, originsOf(source, prefix, names), new Map(), (name) =>
    constantOf(source, prefix, config, name),
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

/** That of `config.json`, with what the caller knows better. */
function hintedConfig(
  path: string,
  index: Readonly<Record<string, unknown>>,
  { heads, sampleSize, positionScale, captionTokens }: PixArtHints,
): PixArtConfig {
  const config = diffusersConfig(path, readJsonObject(path), index);
  requireHeads(heads, config, path);
  const hinted = {
    ...config,
    ...(sampleSize !== undefined && { inputSize: sampleSize }),
    ...(positionScale !== undefined && { positionScale }),
    ...(captionTokens !== undefined && { captionTokens }),
  };
  checkConfig(hinted);
  return hinted;
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

/** Tensors of a learned sampling; files have them whatever the sampling. */
const COMPRESSION = /\.attn\.(?:sr|norm)\.(?:weight|bias)$/;

/** Names that begin the tensors of a PixArt in either layout. */
const OWN =
  /^(?:(?:blocks|transformer_blocks)\.|[xyt]_embedder\.|t_block\.|csize_embedder|ar_embedder|final_layer\.|pos_embed|proj_out|norm_out|adaln|scale_shift|caption_projection)/;
