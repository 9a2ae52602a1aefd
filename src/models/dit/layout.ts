/** A DiT in any of its layouts, seen under Meta's names. */
import { FormatError, requireNumber } from '../../errors.js';
import { equalBytes } from '../../weights/binary.js';
import { CanonicalSource } from '../../weights/canonicalSource.js';
import { readJsonObject } from '../../weights/jsonFile.js';
import type { TensorSource } from '../../weights/tensorSource.js';
import { foreignModel, foreignTransformer } from '../foreignModels.js';
import type { OpenedNetwork } from '../openedNetwork.js';
import { positionTable } from '../positionTable.js';
import { findModel, hasAnchor, headersOf, leftOut, originsOf, sameNames } from '../tensorNames.js';
import { checkTensors } from '../tensorShapes.js';
import { type ConfigFile, requireConfig, requireHeads } from '../transformer/diffusers.js';
import { positionsOf } from '../transformer/positions.js';
import { type DiTConfig, tensorShapes } from './config.js';
import { diffusersConfig, diffusersEmbedders, diffusersOrigins } from './diffusers.js';
import { type ConfigHints, inferConfig } from './inferConfig.js';
import { ditNetwork } from './network.js';

export type DitLayout = 'meta' | 'diffusers';

export interface DitHints extends ConfigHints {
  readonly weightsKey?: string;
}

/** The tensor by which a layout is known. */
const ANCHORS: Readonly<Record<DitLayout, string>> = {
  meta: 'x_embedder.proj.weight',
  diffusers: 'pos_embed.proj.weight',
};

/**
 * Throws a `FormatError` for tensors that are no DiT's or are missing, misshapen or strange, and for a configuration that
 * does not fit them.
 */
export function openDit(source: TensorSource, files: ConfigFile, hints: DitHints): OpenedNetwork<DitLayout> {
  const { layout, prefix } = findModel(source.names, ANCHORS, hints.weightsKey) ?? {
    layout: 'meta',
    prefix: '',
  };
  refuseForeign(source.names, prefix, ANCHORS[layout]);
  const opened =
    layout === 'meta' ? openMeta(source, prefix, hints) : openDiffusers(source, prefix, files, hints);
  const { frequencyShift } = hints;
  if (frequencyShift !== undefined) requireNumber('frequencyShift', frequencyShift, 0, 1);
  return {
    layout,
    tensors: opened.tensors,
    network: ditNetwork({ ...opened.config, ...(frequencyShift !== undefined && { frequencyShift }) }),
    notes: [...source.notes, ...leftOut(source, prefix, opened, OWN, 'DiT')],
  };
}

/** A `FormatError` that says what the weights are, where they are known to be no DiT's. */
function refuseForeign(names: readonly string[], prefix: string, anchor: string): void {
  const own = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const kind = foreignTransformer(own) ?? (own.includes(anchor) ? undefined : foreignModel(names));
  if (kind) throw new FormatError(`the weights are those of ${kind}; expected a DiT`);
}

interface Opened {
  readonly config: DiTConfig;
  readonly tensors: CanonicalSource;
  readonly alsoUsed?: readonly string[];
}

/** Whether a DiT in some layout is among tensors of these names. */
export function hasDit(names: readonly string[]): boolean {
  return hasAnchor(names, ANCHORS);
}

function openMeta(source: TensorSource, prefix: string, hints: DitHints): Opened {
  const config = inferConfig(headersOf(source, prefix), source.metadata, hints);
  const origins = originsOf(source, prefix, sameNames(tensorShapes(config)));
  return {
    config,
    tensors: new CanonicalSource(source, origins, new Map(), (name) => positionsOf(config, name)),
  };
}

function openDiffusers(source: TensorSource, prefix: string, files: ConfigFile, hints: DitHints): Opened {
  const path = requireConfig(files);
  const config = diffusersConfig(path, readJsonObject(path));
  const { inputSize, patchSize, hiddenSize, positionScale = 1 } = config;
  requireHeads(hints.heads, config, path);
  const embedders = Array.from({ length: config.depth }, (_, block) =>
    diffusersEmbedders(block).map((name) => prefix + name),
  );
  const full: DiTConfig = areEqual(source, embedders) ? config : { ...config, blockEmbedders: true };
  const origins = originsOf(source, prefix, diffusersOrigins(full));
  const side = inputSize / patchSize;
  const scale = { height: positionScale, width: positionScale };
  const position = {
    shape: [1, side ** 2, hiddenSize],
    values: () => positionTable({ height: side, width: side }, hiddenSize, scale),
  };
  const tensors = new CanonicalSource(source, origins, new Map([['pos_embed', position]]), (name) =>
    positionsOf(full, name),
  );
  checkTensors(new Map(tensors.names.map((name) => [name, tensors.entry(name)])), tensorShapes(full));
  return { config: full, tensors, alsoUsed: [...embedders.flat(), `${prefix}pos_embed.pos_embed`] };
}

/** Whether the embedders of all blocks are those of the first, byte for byte. */
function areEqual(source: TensorSource, embedders: readonly (readonly string[])[]): boolean {
  const [first, ...others] = embedders as [readonly string[], ...(readonly string[])[]];
  return first.every((name, i) => {
    const expected = source.bytes(name);
    return others.every((names) => equalBytes(source.bytes(names[i]!), expected));
  });
}

/** Names that begin the tensors of a DiT in either layout: another one among them changes what the model computes. */
const OWN =
  /^(?:(?:blocks|transformer_blocks)\.|[xyt]_embedder\.|final_layer\.|pos_embed|proj_out|norm_out|adaln)/;
