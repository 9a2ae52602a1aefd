/**
 * Copies and zeros as loops of stores. Workers must not use memory.copy or memory.fill: engines check those against
 * the size of the memory that the thread knows, and a thread may not yet know of a growth on another one.
 */
import { loadLanes, storeLanes } from './lanes';

/** Copies `count` floats; the two ranges must not overlap. */
export function copyFloats(target: usize, source: usize, count: i32): void {
  for (; count >= 4; count -= 4) {
    v128.store(target, v128.load(source));
    source += 16;
    target += 16;
  }
  if (count > 0) storeLanes(target, loadLanes(source, count), count);
}

/** Writes zeros to a panel of `depth` rows of 8 floats. */
export function clearPanel(panel: usize, depth: i32): void {
  const zeros = f32x4.splat(0);
  for (; depth > 0; depth--) {
    v128.store(panel, zeros, 0);
    v128.store(panel, zeros, 16);
    panel += 32;
  }
}
