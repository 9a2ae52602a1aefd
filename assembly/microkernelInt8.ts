/**
 * As `microkernel.ts`, for 12-bit activations and 8-bit weights, two k at a time through a dot product of
 * pairs; the sum is exact in 32 bits up to a depth of 8192.
 *
 *     strip   [pairs][rows][2]      i16
 *     panel   [pairs][8 columns][2] i8, widened while it is loaded
 *     tile    [rows][8]             i32
 */

/** tile = strip x panel. */
export function multiplyInt8(rows: i32, strip: usize, panel: usize, pairs: i32, tile: usize): void {
  switch (rows) {
    case 1:
      return multiply1(strip, panel, pairs, tile);
    case 2:
      return multiply2(strip, panel, pairs, tile);
    case 3:
      return multiply3(strip, panel, pairs, tile);
    default:
      return multiply4(strip, panel, pairs, tile);
  }
}

function multiply1(strip: usize, panel: usize, pairs: i32, tile: usize): void {
  Inline.multiplyRows(1, strip, panel, pairs, tile);
}

function multiply2(strip: usize, panel: usize, pairs: i32, tile: usize): void {
  Inline.multiplyRows(2, strip, panel, pairs, tile);
}

function multiply3(strip: usize, panel: usize, pairs: i32, tile: usize): void {
  Inline.multiplyRows(3, strip, panel, pairs, tile);
}

function multiply4(strip: usize, panel: usize, pairs: i32, tile: usize): void {
  Inline.multiplyRows(4, strip, panel, pairs, tile);
}

function dotAdd(a: v128, b: v128, c: v128): v128 {
  return i32x4.add(i32x4.dot_i16x8_s(a, b), c);
}

/** A class, because TypeScript takes decorators on methods only. */
class Inline {
  /** `rows` is a constant at each call: what lies beyond it is removed at compile time. */
  @inline
  static multiplyRows(rows: i32, strip: usize, panel: usize, pairs: i32, tile: usize): void {
    let c00 = i32x4.splat(0),
      c01 = i32x4.splat(0);
    let c10 = i32x4.splat(0),
      c11 = i32x4.splat(0);
    let c20 = i32x4.splat(0),
      c21 = i32x4.splat(0);
    let c30 = i32x4.splat(0),
      c31 = i32x4.splat(0);
    const end = panel + ((<usize>pairs) << 4);
    while (panel < end) {
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
    }
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
