/** How operations are cut into tiles of work. No choice made here changes a bit of a result. */

/** Columns of a panel of the micro-kernel. */
export const PANEL = 8;
/** Columns whose tiles are finished together, as in `assembly/tiles.ts`. */
const GROUP = 128;
export const CALIBRATED_GROUP = 512;
/** Tiles of work a thread, so that a slow thread does not hold up the others for long. */
export const TILES_A_THREAD = 8;

/**
 * Bytes of a packed block. Larger than the second-level cache, of which the micro-kernel needs only a block
 * of the depth at a time: for each block of rows all panels are read again, from much farther away.
 */
const BLOCK_BYTES = 1536 * 1024;
/** Strips of a block: more would not read the panels notably less often. */
const BLOCK_STRIPS = 16;
/** Elements of a tile of an operation that goes element by element. */
const TILE_ELEMENTS = 16384;

/**
 * Strips of a block of a calibrated linear. Its products are short, so that what counts is that the block, its
 * tiles and its rows of the cache stay near; the panels of its factors are few.
 */
export const CALIBRATED_STRIPS = 4;

/** Rows of x that are packed at a time: whole strips, `most` of them at most. */
export function rowBlockOf(rows: number, depth: number, strip: number, most = BLOCK_STRIPS): number {
  const strips = Math.floor(BLOCK_BYTES / (4 * depth * strip));
  return strip * Math.max(1, Math.min(strips, most, Math.ceil(rows / strip)));
}

/** Blocks of rows, cut smaller until every thread has several; a panel's worth of strips is the least. */
export function balancedRowBlock(block: number, rows: number, strip: number, tiles: number): number {
  const share = Math.ceil(rows / tiles / strip) * strip;
  return Math.max(strip, Math.min(block, share));
}

/** Columns of a tile, whole panels, so that there are about `blocks` of them. */
export function columnBlockOf(columns: number, blocks: number): number {
  return Math.max(1, Math.ceil(columns / blocks / PANEL)) * PANEL;
}

/** Rows of a tile of an operation that goes element by element. */
export function elementRows(columns: number): number {
  return Math.max(1, Math.floor(TILE_ELEMENTS / columns));
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Bytes of the result tiles of a block of rows, which its scratch region starts with. */
export function tileBytes(rowBlock: number, group = GROUP): number {
  return rowBlock * group * 4;
}
