/**
 * The scratch region of a thread: tiles of the result, then whatever the operation packs. Consecutive tiles of work often
 * need the same packed block, so within an operation it is kept from one tile to the next.
 */
import { tilesBytes } from './tiles';

let packedBlock: i32 = -1;

/** Called before each operation, because scratch still holds what another operation packed. */
export function forgetPacked(): void {
  packedBlock = -1;
}

/** Whether block number `block` was packed last. If not, it is noted as packed, and the caller must pack it now. */
export function isPacked(block: i32): bool {
  if (packedBlock == block) return true;
  packedBlock = block;
  return false;
}

/** Where the packed block starts: after the tiles of a group, for blocks of `rowBlock` rows. */
export function behindTiles(scratch: usize, rowBlock: i32, group: i32): usize {
  return scratch + tilesBytes(rowBlock, group);
}
