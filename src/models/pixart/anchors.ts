/** By which tensors a PixArt is known, in the names of either code. */
import { type Anchors, hasAnchor } from '../tensorNames.js';

export type PixArtLayout = 'pixart' | 'diffusers';

export const ANCHORS: Anchors<PixArtLayout> = {
  pixart: 't_block.1.weight',
  diffusers: 'adaln_single.linear.weight',
};

/** Whether a PixArt is among tensors of these names. */
export function hasPixArt(names: readonly string[]): boolean {
  return hasAnchor(names, ANCHORS);
}
