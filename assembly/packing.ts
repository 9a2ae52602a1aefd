/**
 * Packs operands into the strips and panels of the micro-kernels, always into the thread's scratch.
 * With a second operand c, the difference x - c is packed.
 */

/** Four floats of x, minus those of c unless its address is 0. */
function load4(x: usize, c: usize): v128 {
  const v = v128.load(x);
  return c == 0 ? v : f32x4.sub(v, v128.load(c));
}

function load1(x: usize, c: usize): f32 {
  const v = load<f32>(x);
  return c == 0 ? v : v - load<f32>(c);
}

/** `row`'s address, or 0 when the matrix is absent. */
function rowOf(matrix: usize, stride: usize, row: i32): usize {
  return matrix == 0 ? 0 : matrix + <usize>row * stride;
}

function advance(address: usize, bytes: usize): usize {
  return address == 0 ? 0 : address + bytes;
}

/**
 * Packs rows side by side: target[k * pitch + i] = x[i][k] - c[i][k]. Blocks of 4 x 4 are transposed in registers.
 */
export function packRows(
  x: usize,
  xStride: usize,
  c: usize,
  cStride: usize,
  rows: i32,
  depth: i32,
  target: usize,
  pitch: usize,
): void {
  let i = 0;
  for (; i + 4 <= rows; i += 4)
    packFourRows(
      x + <usize>i * xStride,
      xStride,
      rowOf(c, cStride, i),
      cStride,
      depth,
      target + <usize>(i << 2),
      pitch << 2,
    );
  for (; i < rows; i++)
    packOneRow(x + <usize>i * xStride, rowOf(c, cStride, i), depth, target + <usize>(i << 2), pitch << 2);
}

function packFourRows(
  x: usize,
  xStride: usize,
  c: usize,
  cStride: usize,
  depth: i32,
  target: usize,
  step: usize,
): void {
  if (c == 0) Inline.packFourRows(false, x, xStride, c, cStride, depth, target, step);
  else Inline.packFourRows(true, x, xStride, c, cStride, depth, target, step);
}

/** A class, because TypeScript takes decorators on methods only. */
class Inline {
  /** Whether there is a c is a constant at each call, so the code for c is removed where there is none. */
  @inline
  static packFourRows(
    less: bool,
    x: usize,
    xStride: usize,
    c: usize,
    cStride: usize,
    depth: i32,
    target: usize,
    step: usize,
  ): void {
    let k = depth;
    for (; k >= 4; k -= 4) {
      let r0 = v128.load(x);
      let r1 = v128.load(x + xStride);
      let r2 = v128.load(x + 2 * xStride);
      let r3 = v128.load(x + 3 * xStride);
      if (less) {
        r0 = f32x4.sub(r0, v128.load(c));
        r1 = f32x4.sub(r1, v128.load(c + cStride));
        r2 = f32x4.sub(r2, v128.load(c + 2 * cStride));
        r3 = f32x4.sub(r3, v128.load(c + 3 * cStride));
        c += 16;
      }
      const even01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
      const odd01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const even23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const odd23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      v128.store(target, v128.shuffle<f32>(even01, even23, 0, 1, 4, 5));
      v128.store(target + step, v128.shuffle<f32>(even01, even23, 2, 3, 6, 7));
      v128.store(target + 2 * step, v128.shuffle<f32>(odd01, odd23, 0, 1, 4, 5));
      v128.store(target + 3 * step, v128.shuffle<f32>(odd01, odd23, 2, 3, 6, 7));
      x += 16;
      target += 4 * step;
    }
    for (; k > 0; k--) {
      store<f32>(target, load1(x, c), 0);
      store<f32>(target, load1(x + xStride, rowOf(c, cStride, 1)), 4);
      store<f32>(target, load1(x + 2 * xStride, rowOf(c, cStride, 2)), 8);
      store<f32>(target, load1(x + 3 * xStride, rowOf(c, cStride, 3)), 12);
      x += 4;
      c = advance(c, 4);
      target += step;
    }
  }
}

function packOneRow(x: usize, c: usize, depth: i32, target: usize, step: usize): void {
  for (let k = 0; k < depth; k++) {
    store<f32>(target, load1(x, c));
    x += 4;
    c = advance(c, 4);
    target += step;
  }
}

/** Packs columns side by side: target[k * pitch + j] = x[k][j] - c[k][j], for `columns` columns of `depth` rows. */
export function packColumns(
  x: usize,
  xStride: usize,
  c: usize,
  cStride: usize,
  columns: i32,
  depth: i32,
  target: usize,
  pitch: usize,
): void {
  for (let k = 0; k < depth; k++) {
    let j = 0;
    for (; j + 4 <= columns; j += 4)
      v128.store(target + <usize>(j << 2), load4(x + <usize>(j << 2), advance(c, <usize>(j << 2))));
    for (; j < columns; j++)
      store<f32>(target + <usize>(j << 2), load1(x + <usize>(j << 2), advance(c, <usize>(j << 2))));
    x += xStride;
    c = advance(c, cStride);
    target += pitch << 2;
  }
}

/** Packs `rows` rows into strips of up to `strip` rows, one after another: the strip at row i starts at i * depth floats. */
export function packStrips(
  x: usize,
  xStride: usize,
  c: usize,
  cStride: usize,
  rows: i32,
  depth: i32,
  strip: i32,
  target: usize,
): void {
  for (let i = 0; i < rows; i += strip) {
    const height = min(strip, rows - i);
    packRows(
      x + <usize>i * xStride,
      xStride,
      rowOf(c, cStride, i),
      cStride,
      height,
      depth,
      target + ((<usize>i * <usize>depth) << 2),
      <usize>height,
    );
  }
}
