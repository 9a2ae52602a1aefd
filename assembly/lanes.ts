/** Loads and stores of the first 1 to 4 lanes of a vector, for the tails of rows. */

/** The first `lanes` floats at `source`, the others 0. Reads nothing beyond them. */
export function loadLanes(source: usize, lanes: i32): v128 {
  if (lanes >= 4) return v128.load(source);
  return loadTail(source, lanes);
}

/** Stores the first `lanes` floats of `value`. Writes nothing beyond them. */
export function storeLanes(target: usize, value: v128, lanes: i32): void {
  if (lanes >= 4) v128.store(target, value);
  else storeTail(target, value, lanes);
}

function loadTail(source: usize, lanes: i32): v128 {
  if (lanes == 1) return v128.load32_zero(source);
  const pair = v128.load64_zero(source);
  return lanes == 2 ? pair : v128.load32_lane(source, pair, 2, 8);
}

function storeTail(target: usize, value: v128, lanes: i32): void {
  if (lanes == 1) {
    v128.store32_lane(target, value, 0);
    return;
  }
  v128.store64_lane(target, value, 0);
  if (lanes == 3) v128.store32_lane(target, value, 2, 8);
}
