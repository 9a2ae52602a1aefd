/** A DiT in any of its layouts, seen under Meta's names. */
import { openDiffusersDit } from '#platform/parts';
import { FormatError, requireNumber } from '../../errors.js';
import { CanonicalSource } from '../../weights/canonicalSource.js';
import type { TensorSource } from '../../weights/tensorSource.js';
import { foreignModel, foreignTransformer } from '../foreignModels.js';
import type { OpenedNetwork } from '../openedNetwork.js';
import { findModel, hasAnchor, headersOf, leftOut, originsOf, sameNames } from '../tensorNames.js';
import type { ConfigFile } from '../transformer/diffusers.js';
import { positionsOf } from '../transformer/positions.js';
import { tensorShapes } from './config.js';
import { type ConfigHints, inferConfig } from './inferConfig.js';
import { ditNetwork } from './network.js';
import type { OpenedDit } from './openDiffusersDit.js';

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
    layout === 'meta' ? openMeta(source, prefix, hints) : openDiffusersDit(source, prefix, files, hints);
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

/** Whether a DiT in some layout is among tensors of these names. */
export function hasDit(names: readonly string[]): boolean {
  return hasAnchor(names, ANCHORS);
}

function openMeta(source: TensorSource, prefix: string, hints: DitHints): OpenedDit {
  const config = inferConfig(headersOf(source, prefix), source.metadata, hints);
  const origins = originsOf(source, prefix, sameNames(tensorShapes(config)));
  return {
    config,
    tensors: new CanonicalSource(source, origins, new Map(), (name) => positionsOf(config, name)),
  };
}

/** Names that begin the tensors of a DiT in either layout: another one among them changes what the model computes. */
const OWN =
  /^(?:(?:blocks|transformer_blocks)\.|[xyt]_embedder\.|final_layer\.|pos_embed|proj_out|norm_out|adaln)/;
