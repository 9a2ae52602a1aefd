/**
 * Like `microkernel.ts`, for 12-bit activations and 8-bit weights. A dot product of pairs takes two steps of the depth at a
 * time; the sum is exact in 32 bits up to a depth of 8192.
 *
 *     strip   [pairs][rows][2]      i16
 *     panel   [pairs][8 columns][2] i8, widened while it is loaded
 *     tile    [rows][8]             i32
 */

import { TILE_ROW } from './microkernel';

/** Rows of a strip: as many as sixteen registers can accumulate. */
export const STRIP: i32 = 4;

/**
 * tiles = strips x panel for `rows` rows in strips of up to four: the strip at row i starts at i * pairs words,
 * and row i of the tiles at i * 8. Everything is inlined here, as in `multiplyStrips`.
 */
export function multiplyStripsInt8(strips: usize, rows: i32, pairs: i32, panel: usize, tiles: usize): void {
  const panelEnd = panel + ((<usize>pairs) << 4);
  for (let i = 0; i < rows; i += STRIP) {
    const height = min(STRIP, rows - i);
    const stripEnd = strips + ((<usize>(i + height) * <usize>pairs) << 2);
    const tile = tiles + <usize>i * TILE_ROW;
    switch (height) {
      case 1:
        Inline.multiplyRows(1, stripEnd, panelEnd, pairs, tile);
        break;
      case 2:
        Inline.multiplyRows(2, stripEnd, panelEnd, pairs, tile);
        break;
      case 3:
        Inline.multiplyRows(3, stripEnd, panelEnd, pairs, tile);
        break;
      default:
        Inline.multiplyRows(4, stripEnd, panelEnd, pairs, tile);
    }
  }
}

function dotAdd(a: v128, b: v128, c: v128): v128 {
  return i32x4.add(i32x4.dot_i16x8_s(a, b), c);
}

/** A class, because TypeScript takes decorators on methods only. */
class Inline {
  /** `rows` is a constant at each call, so code for rows that do not exist is removed at compile time. */
  @inline
  static multiplyRows(rows: i32, stripEnd: usize, panelEnd: usize, pairs: i32, tile: usize): void {
    let c00 = i32x4.splat(0),
      c01 = i32x4.splat(0);
    let c10 = i32x4.splat(0),
      c11 = i32x4.splat(0);
    let c20 = i32x4.splat(0),
      c21 = i32x4.splat(0);
    let c30 = i32x4.splat(0),
      c31 = i32x4.splat(0);
    let strip = stripEnd - ((<usize>(rows * pairs)) << 2);
    let panel = panelEnd - ((<usize>pairs) << 4);
    do {
      const b0 = v128.load8x8_s(panel, 0),
        b1 = v128.load8x8_s(panel, 8);
      let a = v128.load32_splat(strip, 0);
      c00 = dotAdd(a, b0, c00);
      c01 = dotAdd(a, b1, c01);
      if (rows > 1) {
        a = v128.load32_splat(strip, 4);
        c10 = dotAdd(a, b0, c10);
        c11 = dotAdd(a, b1, c11);
      }
      if (rows > 2) {
        a = v128.load32_splat(strip, 8);
        c20 = dotAdd(a, b0, c20);
        c21 = dotAdd(a, b1, c21);
      }
      if (rows > 3) {
        a = v128.load32_splat(strip, 12);
        c30 = dotAdd(a, b0, c30);
        c31 = dotAdd(a, b1, c31);
      }
      strip += <usize>(rows * 4);
      panel += 16;
    } while (strip != stripEnd);
    v128.store(tile, c00, 0);
    v128.store(tile, c01, 16);
    if (rows > 1) {
      v128.store(tile, c10, 32);
      v128.store(tile, c11, 48);
    }
    if (rows > 2) {
      v128.store(tile, c20, 64);
      v128.store(tile, c21, 80);
    }
    if (rows > 3) {
      v128.store(tile, c30, 96);
      v128.store(tile, c31, 112);
    }
  }
}
