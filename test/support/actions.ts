/** Actions of layers as tests write them: by name, block by block. */
import { type Actions, actionName, type LayerAction } from '../../src/models/layers/actions.js';
import type { Network } from '../../src/models/network.js';

/** The same action for every layer. */
export function uniformActions({ layers }: Pick<Network, 'layers'>, action: LayerAction): Actions {
  return new Map(layers.map(({ name }) => [name, action]));
}

/** The names of the actions, for each block by what its layers are. */
export function namesOf(actions: Actions): Record<string, string>[] {
  const blocks: Record<string, string>[] = [];
  for (const [layer, action] of actions) {
    const [, block, kind] = layer.split('.');
    blocks[Number(block)] ??= {};
    blocks[Number(block)]![kind!] = actionName(action);
  }
  return blocks;
}

/** As `namesOf` gives them for a block of a DiT whose layers all do the same. */
export function sameNames(name: string): Record<string, string> {
  return Object.fromEntries(['q', 'k', 'v', 'proj', 'fc1', 'fc2'].map((kind) => [kind, name]));
}
