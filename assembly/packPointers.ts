/** Packs rows that lie anywhere in memory, such as the pixels under a filter, side by side. */

/**
 * target[k * rows + i] = row i, element k, for `rows` rows of `count` elements. The address of row i is at
 * pointers + i * step. Four rows are transposed in registers, then two, then one.
 */
export function packPointers(pointers: usize, step: usize, rows: i32, count: i32, target: usize): void {
  const pitch = (<usize>rows) << 2;
  let i = 0;
  for (; i + 4 <= rows; i += 4) {
    packFour(
      load<usize>(pointers),
      load<usize>(pointers + step),
      load<usize>(pointers + 2 * step),
      load<usize>(pointers + 3 * step),
      count,
      target,
      pitch,
    );
    pointers += 4 * step;
    target += 16;
  }
  for (; i + 2 <= rows; i += 2) {
    packTwo(load<usize>(pointers), load<usize>(pointers + step), count, target, pitch);
    pointers += 2 * step;
    target += 8;
  }
  if (i < rows) packOne(load<usize>(pointers), count, target, pitch);
}

function packFour(x0: usize, x1: usize, x2: usize, x3: usize, count: i32, target: usize, pitch: usize): void {
  let k: usize = 0;
  const whole = (<usize>(count & ~3)) << 2;
  for (; k < whole; k += 16) {
    const r0 = v128.load(x0 + k);
    const r1 = v128.load(x1 + k);
    const r2 = v128.load(x2 + k);
    const r3 = v128.load(x3 + k);
    const even01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const odd01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const even23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const odd23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    v128.store(target, v128.shuffle<f32>(even01, even23, 0, 1, 4, 5));
    v128.store(target + pitch, v128.shuffle<f32>(even01, even23, 2, 3, 6, 7));
    v128.store(target + 2 * pitch, v128.shuffle<f32>(odd01, odd23, 0, 1, 4, 5));
    v128.store(target + 3 * pitch, v128.shuffle<f32>(odd01, odd23, 2, 3, 6, 7));
    target += 4 * pitch;
  }
  for (; k < (<usize>count) << 2; k += 4) {
    store<f32>(target, load<f32>(x0 + k), 0);
    store<f32>(target, load<f32>(x1 + k), 4);
    store<f32>(target, load<f32>(x2 + k), 8);
    store<f32>(target, load<f32>(x3 + k), 12);
    target += pitch;
  }
}

function packTwo(x0: usize, x1: usize, count: i32, target: usize, pitch: usize): void {
  let k: usize = 0;
  const whole = (<usize>(count & ~3)) << 2;
  for (; k < whole; k += 16) {
    const r0 = v128.load(x0 + k);
    const r1 = v128.load(x1 + k);
    const low = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const high = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    v128.store64_lane(target, low, 0);
    v128.store64_lane(target + pitch, low, 1);
    v128.store64_lane(target + 2 * pitch, high, 0);
    v128.store64_lane(target + 3 * pitch, high, 1);
    target += 4 * pitch;
  }
  for (; k < (<usize>count) << 2; k += 4) {
    store<f32>(target, load<f32>(x0 + k), 0);
    store<f32>(target, load<f32>(x1 + k), 4);
    target += pitch;
  }
}

function packOne(x: usize, count: i32, target: usize, pitch: usize): void {
  let k: usize = 0;
  const whole = (<usize>(count & ~3)) << 2;
  for (; k < whole; k += 16) {
    const r = v128.load(x + k);
    v128.store32_lane(target, r, 0);
    v128.store32_lane(target + pitch, r, 1);
    v128.store32_lane(target + 2 * pitch, r, 2);
    v128.store32_lane(target + 3 * pitch, r, 3);
    target += 4 * pitch;
  }
  for (; k < (<usize>count) << 2; k += 4) {
    store<f32>(target, load<f32>(x + k));
    target += pitch;
  }
}
