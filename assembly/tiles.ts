/**
 * Unfinished products of several panels side by side: a block of rows by a group of columns. If panels were finished one at
 * a time, every cache line of the output would be touched twice, and every page sixteen times as often.
 *
 *     tiles   [panels][rows of the block][8]
 */
import { PANEL, TILE_ROW } from './microkernel';

/** Columns that are finished together. */
export const GROUP: i32 = 128;

/** The same for a calibrated linear, whose blocks have fewer rows, so that it reads longer pieces of the cache. */
export const CALIBRATED_GROUP: i32 = 512;

/** Bytes of one panel's tile. */
export function tileBytes(rowBlock: i32): usize {
  return <usize>rowBlock * TILE_ROW;
}

/** Bytes of all tiles of a group: what a scratch region starts with. */
export function tilesBytes(rowBlock: i32, group: i32): usize {
  return tileBytes(rowBlock) * <usize>(group / PANEL);
}

/** Address of the four columns of a row that start at `column`, a multiple of four. */
export function quadOf(tiles: usize, bytes: usize, row: i32, column: i32): usize {
  return tiles + <usize>(column >> 3) * bytes + <usize>row * TILE_ROW + ((<usize>(column & 4)) << 2);
}
