/**
 * The scratch region of a thread: tiles of the result, then whatever the operation packs. Consecutive tiles of work
 * often need the same packed block; it is remembered from one to the next within an operation.
 */
import { tilesBytes } from './tiles';

let packedBlock: i32 = -1;

/** Called before each operation: what lies in scratch belongs to another one. */
export function forgetPacked(): void {
  packedBlock = -1;
}

/** Whether block number `block` is what was packed last; when not, the caller packs it now. */
export function isPacked(block: i32): bool {
  if (packedBlock == block) return true;
  packedBlock = block;
  return false;
}

/** Where the packed block starts: behind the tiles of a group, for blocks of `rowBlock` rows. */
export function behindTiles(scratch: usize, rowBlock: i32, group: i32): usize {
  return scratch + tilesBytes(rowBlock, group);
}
