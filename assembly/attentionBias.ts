/**
 * What is added to a panel of scores, [keys][8 queries], before the softmax: a bias for each query and key, one for each
 * key, and the mask of the keys that come after a query.
 */
import { loadLanes } from './lanes';
import { TILE_ROW } from './microkernel';

/** Adds rows of `bias`, one a query; from the row `rows` on there are no queries. */
export function addBias(scores: usize, bias: usize, stride: usize, rows: i32, keys: i32): void {
  addFour(scores, bias, stride, rows, keys);
  if (rows > 4) addFour(scores + 16, bias + 4 * stride, stride, rows - 4, keys);
}

/** Of four queries. Those that do not exist take the row of the first, and nobody looks at them. */
function addFour(scores: usize, bias: usize, stride: usize, rows: i32, keys: i32): void {
  const b1 = rows > 1 ? stride : 0,
    b2 = rows > 2 ? 2 * stride : 0,
    b3 = rows > 3 ? 3 * stride : 0;
  for (; keys > 0; keys -= 4) {
    const r0 = loadLanes(bias, keys),
      r1 = loadLanes(bias + b1, keys),
      r2 = loadLanes(bias + b2, keys),
      r3 = loadLanes(bias + b3, keys);
    const even01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const odd01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const even23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const odd23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    addTo(scores, v128.shuffle<f32>(even01, even23, 0, 1, 4, 5));
    if (keys > 1) addTo(scores + TILE_ROW, v128.shuffle<f32>(even01, even23, 2, 3, 6, 7));
    if (keys > 2) addTo(scores + 2 * TILE_ROW, v128.shuffle<f32>(odd01, odd23, 0, 1, 4, 5));
    if (keys > 3) addTo(scores + 3 * TILE_ROW, v128.shuffle<f32>(odd01, odd23, 2, 3, 6, 7));
    scores += 4 * TILE_ROW;
    bias += 16;
  }
}

/** Adds a number a key, the same for all queries. */
export function addKeyBias(scores: usize, bias: usize, keys: i32): void {
  for (; keys > 0; keys--) {
    const value = v128.load32_splat(bias);
    addTo(scores, value);
    addTo(scores + 16, value);
    scores += TILE_ROW;
    bias += 4;
  }
}

/** -inf where a key comes after its query. `lead`: how many places the first query is behind the first key. */
export function maskLater(scores: usize, keys: i32, lead: i32): void {
  const lanes = i32x4(0, 1, 2, 3);
  const none = f32x4.splat(-Infinity);
  const first = max(0, lead + 1);
  scores += (<usize>first) << 5;
  for (let key = first; key < keys; key++) {
    const later = i32x4.splat(key - lead);
    v128.store(scores, v128.bitselect(none, v128.load(scores), i32x4.gt_s(later, lanes)));
    v128.store(
      scores,
      v128.bitselect(none, v128.load(scores, 16), i32x4.gt_s(later, i32x4.add(lanes, i32x4.splat(4)))),
      16,
    );
    scores += TILE_ROW;
  }
}

function addTo(scores: usize, value: v128): void {
  v128.store(scores, f32x4.add(v128.load(scores), value));
}
