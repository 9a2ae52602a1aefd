/** The kinds of networks that there are. A new one is a folder beside `dit` and a line here. */
import { openPixArt } from '#platform/parts';
import type { TensorSource } from '../weights/tensorSource.js';
import { namedConfig } from './dit/config.js';
import type { ConfigHints } from './dit/inferConfig.js';
import { hasDit, openDit } from './dit/layout.js';
import { ditNetwork } from './dit/network.js';
import type { Network } from './network.js';
import type { OpenedNetwork } from './openedNetwork.js';
import { hasPixArt } from './pixart/anchors.js';
import type { PixArtHints } from './pixart/inferConfig.js';
import type { ConfigFile } from './transformer/diffusers.js';

/** What tensors leave open, and which of several models among them is meant. */
export interface NetworkHints extends ConfigHints, PixArtHints {
  readonly weightsKey?: string;
}

interface Family {
  /** Whether one is among tensors of these names. */
  has(names: readonly string[]): boolean;
  /** Throws a `FormatError` that names the tensor or the field which is missing, strange or misshapen. */
  open(source: TensorSource, files: ConfigFile, hints: NetworkHints): OpenedNetwork;
}

const DIT: Family = { has: hasDit, open: openDit };

const PIXART: Family = { has: hasPixArt, open: openPixArt };

/** The first that finds tensors of its own: those of a DiT are also in others. */
const FAMILIES: readonly Family[] = [PIXART, DIT];

export function hasNetwork(names: readonly string[]): boolean {
  return FAMILIES.some((family) => family.has(names));
}

/** Where no family finds its tensors, a DiT is expected, and the error says what it lacks. */
export function openNetwork(source: TensorSource, files: ConfigFile, hints: NetworkHints): OpenedNetwork {
  const family = FAMILIES.find(({ has }) => has(source.names)) ?? DIT;
  return family.open(source, files, hints);
}

/** A network by the name of its size, as `DiT-XL/2`. Throws an `ArgumentError` for a name that is none. */
export function namedNetwork(name: string): Network {
  return ditNetwork(namedConfig(name));
}
