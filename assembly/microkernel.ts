/**
 * The product of a strip of A and a panel of B. Every matrix product is made of it.
 *
 *     strip   [depth][rows]   rows of A, 1 to 6, side by side
 *     panel   [depth][8]      columns of B
 *     tile    [rows][8]       the result
 *
 * Every element is the sum over k in order, however many rows a strip has, so the choice of strip changes
 * no bit. The loop is not unrolled: V8 would hoist the loads and spill the accumulators.
 */
import { multiplyAdd } from './arithmetic';

/** Columns of a panel. */
export const PANEL: i32 = 8;
/** The most rows that a strip can have. */
export const STRIP_MAX: i32 = 6;
/** Bytes of one row of a tile. */
export const TILE_ROW: usize = 32;

/** Depth that is multiplied at a time. This much of a panel stays in the first-level cache while it is multiplied by strips. */
const DEPTH_BLOCK: i32 = 1152;

/**
 * tiles = strips x panel, or += with `resume`, for `rows` rows in strips of up to `strip` rows, one after another:
 * the strip at row i starts at i * depth floats, and row i of the tiles at i * 8.
 *
 * Everything is inlined into this one function, which computes all addresses itself. V8 then knows that they are 32 bits
 * wide; it would extend a parameter again at each load, a tenth of the time of a product.
 */
export function multiplyStrips(
  strips: usize,
  rows: i32,
  depth: i32,
  strip: i32,
  panel: usize,
  tiles: usize,
  resume: bool,
): void {
  for (let k = 0; k < depth; k += DEPTH_BLOCK) {
    const block = min(DEPTH_BLOCK, depth - k);
    const panelEnd = panel + ((<usize>(k + block)) << 5);
    for (let i = 0; i < rows; i += strip) {
      const height = min(strip, rows - i);
      const end = strips + ((<usize>i * <usize>depth + <usize>(k + block) * <usize>height) << 2);
      Inline.multiply(height, end, panelEnd, block, tiles + <usize>i * TILE_ROW, resume || k > 0);
    }
  }
}

/** A class, because TypeScript takes decorators on methods only. */
class Inline {
  /** tile = strip x panel, or += with `resume`. */
  @inline
  static multiply(rows: i32, stripEnd: usize, panelEnd: usize, depth: i32, tile: usize, resume: bool): void {
    switch (rows) {
      case 1:
        Inline.multiplyRows(1, stripEnd, panelEnd, depth, tile, resume);
        break;
      case 2:
        Inline.multiplyRows(2, stripEnd, panelEnd, depth, tile, resume);
        break;
      case 3:
        Inline.multiplyRows(3, stripEnd, panelEnd, depth, tile, resume);
        break;
      case 4:
        Inline.multiplyRows(4, stripEnd, panelEnd, depth, tile, resume);
        break;
      case 5:
        Inline.multiplyRows(5, stripEnd, panelEnd, depth, tile, resume);
        break;
      default:
        Inline.multiplyRows(6, stripEnd, panelEnd, depth, tile, resume);
    }
  }

  /** `rows` is a constant at each call, so code for rows that do not exist is removed at compile time. */
  @inline
  static multiplyRows(
    rows: i32,
    stripEnd: usize,
    panelEnd: usize,
    depth: i32,
    tile: usize,
    resume: bool,
  ): void {
    let c00 = f32x4.splat(0),
      c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0),
      c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0),
      c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0),
      c31 = f32x4.splat(0);
    let c40 = f32x4.splat(0),
      c41 = f32x4.splat(0);
    let c50 = f32x4.splat(0),
      c51 = f32x4.splat(0);
    if (resume) {
      c00 = v128.load(tile, 0);
      c01 = v128.load(tile, 16);
      if (rows > 1) {
        c10 = v128.load(tile, 32);
        c11 = v128.load(tile, 48);
      }
      if (rows > 2) {
        c20 = v128.load(tile, 64);
        c21 = v128.load(tile, 80);
      }
      if (rows > 3) {
        c30 = v128.load(tile, 96);
        c31 = v128.load(tile, 112);
      }
      if (rows > 4) {
        c40 = v128.load(tile, 128);
        c41 = v128.load(tile, 144);
      }
      if (rows > 5) {
        c50 = v128.load(tile, 160);
        c51 = v128.load(tile, 176);
      }
    }
    // A loop that tests at its end, for inequality: V8 makes it 8 % faster than one that tests at its start.
    let strip = stripEnd - ((<usize>(rows * depth)) << 2);
    let panel = panelEnd - ((<usize>depth) << 5);
    do {
      const b0 = v128.load(panel, 0),
        b1 = v128.load(panel, 16);
      let a = v128.load32_splat(strip, 0);
      c00 = multiplyAdd(a, b0, c00);
      c01 = multiplyAdd(a, b1, c01);
      if (rows > 1) {
        a = v128.load32_splat(strip, 4);
        c10 = multiplyAdd(a, b0, c10);
        c11 = multiplyAdd(a, b1, c11);
      }
      if (rows > 2) {
        a = v128.load32_splat(strip, 8);
        c20 = multiplyAdd(a, b0, c20);
        c21 = multiplyAdd(a, b1, c21);
      }
      if (rows > 3) {
        a = v128.load32_splat(strip, 12);
        c30 = multiplyAdd(a, b0, c30);
        c31 = multiplyAdd(a, b1, c31);
      }
      if (rows > 4) {
        a = v128.load32_splat(strip, 16);
        c40 = multiplyAdd(a, b0, c40);
        c41 = multiplyAdd(a, b1, c41);
      }
      if (rows > 5) {
        a = v128.load32_splat(strip, 20);
        c50 = multiplyAdd(a, b0, c50);
        c51 = multiplyAdd(a, b1, c51);
      }
      strip += <usize>(rows * 4);
      panel += 32;
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
    if (rows > 4) {
      v128.store(tile, c40, 128);
      v128.store(tile, c41, 144);
    }
    if (rows > 5) {
      v128.store(tile, c50, 160);
      v128.store(tile, c51, 176);
    }
  }
}
