/**
 * out = softmax(scale q k^T + bias + keyBias) v for each image and head, in one pass over blocks of keys with a running
 * maximum and sum. A tile of work is a block of queries of one head.
 *
 * Everything is transposed, so that nothing has to be: scores are K Q^T, eight queries a panel, which is
 * the panel that the second product V^T P^T takes, and maxima and sums run down its rows.
 *
 *     scratch   [Q       panels of [headDim][8], scaled]
 *               [O^T     panels of [headDim][8]]
 *               [state   panels of maximum [8], sum [8]]
 *               [K       strips of [headDim][rows], a block of keys]
 *               [V^T     strips of [keys][rows], a block of keys]
 *               [scores  [keys][8]]
 *
 * The blocks of keys start at key 0 whatever the block of queries: the same bits for any tiling.
 */
import { addBias, addKeyBias, maskLater } from './attentionBias';
import { STRIP } from './control';
import { expOfNegative } from './exp';
import { fail } from './failure';
import { clearPanel } from './floats';
import { storeLanes } from './lanes';
import { multiplyStrips, PANEL, TILE_ROW } from './microkernel';
import { packColumns, packRows, packStrips } from './packing';

/** Keys of a block; the host sizes the scratch with the same number. */
const KEY_BLOCK: i32 = 128;
const STATE_BYTES: usize = 64;
/** Below every score, but finite: the difference to any of them is not NaN. */
const LOWEST: f32 = -3.0e38;

@unmanaged
export class AttentionArguments {
  q: usize;
  qStride: usize;
  k: usize;
  kStride: usize;
  v: usize;
  vStride: usize;
  out: usize;
  outStride: usize;
  heads: i32;
  headDim: i32;
  queryLength: i32;
  keyLength: i32;
  scale: f32;
  /** 0 when every key counts. */
  keyLengths: usize;
  keyLengthsStride: usize;
  /** A row a head and query, 0 when there is none. */
  bias: usize;
  biasStride: usize;
  /** A row an image, 0 when there is none. */
  keyBias: usize;
  keyBiasStride: usize;
  /** Whether a query attends to no key after it. */
  causal: i32;
  /** Queries of a tile of work, a multiple of a panel. */
  queryBlock: i32;
  queryBlocks: i32;
}

export function attention(a: AttentionArguments, tile: i32, scratch: usize): void {
  const block = tile % a.queryBlocks;
  const head = (tile / a.queryBlocks) % a.heads;
  const image = tile / (a.queryBlocks * a.heads);
  let keys = keysOf(a, image);
  if (keys == 0) return;
  const first = block * a.queryBlock;
  const queries = min(a.queryBlock, a.queryLength - first);
  if (a.causal != 0) keys = min(keys, first + queries);
  const queryRow = image * a.queryLength + first;
  const headOffset = (<usize>(head * a.headDim)) << 2;

  const panelBytes = (<usize>a.headDim) << 5;
  const panels = <usize>(a.queryBlock / PANEL);
  const q = scratch;
  const o = q + panels * panelBytes;
  const state = o + panels * panelBytes;
  const keyStrips = state + panels * STATE_BYTES;
  startQueries(a, a.q + <usize>queryRow * a.qStride + headOffset, queries, q, o, state);
  for (let key = 0; key < keys; key += KEY_BLOCK) {
    const row = <usize>(image * a.keyLength + key);
    const k = a.k + row * a.kStride + headOffset;
    const v = a.v + row * a.vStride + headOffset;
    const place = (<usize>key) << 2;
    const bias = a.bias == 0 ? 0 : a.bias + <usize>(head * a.queryLength + first) * a.biasStride + place;
    const keyBias = a.keyBias == 0 ? 0 : a.keyBias + <usize>image * a.keyBiasStride + place;
    attendBlock(
      a,
      k,
      v,
      min(KEY_BLOCK, keys - key),
      bias,
      keyBias,
      first - key,
      queries,
      q,
      o,
      state,
      keyStrips,
    );
  }
  writeQueries(a, a.out + <usize>queryRow * a.outStride + headOffset, queries, o, state);
}

/** How many keys of an image count, or 0 after reporting a length that is none. */
function keysOf(a: AttentionArguments, image: i32): i32 {
  if (a.keyLengths == 0) return a.keyLength;
  const keys = load<i32>(a.keyLengths + <usize>image * a.keyLengthsStride);
  if (keys >= 1 && keys <= a.keyLength) return keys;
  fail(image, keys);
  return 0;
}

/** Packs and scales the queries, and clears the running state. */
function startQueries(
  a: AttentionArguments,
  source: usize,
  queries: i32,
  q: usize,
  o: usize,
  state: usize,
): void {
  const panelBytes = (<usize>a.headDim) << 5;
  for (let first = 0; first < queries; first += PANEL) {
    clearPanel(q, a.headDim);
    packRows(source, a.qStride, 0, 0, min(PANEL, queries - first), a.headDim, q, PANEL);
    scalePanel(q, a.headDim, a.scale);
    clearPanel(o, a.headDim);
    v128.store(state, f32x4.splat(LOWEST), 0);
    v128.store(state, f32x4.splat(LOWEST), 16);
    v128.store(state, f32x4.splat(0), 32);
    v128.store(state, f32x4.splat(0), 48);
    source += <usize>PANEL * a.qStride;
    q += panelBytes;
    o += panelBytes;
    state += STATE_BYTES;
  }
}

function scalePanel(panel: usize, depth: i32, scale: f32): void {
  const factor = f32x4.splat(scale);
  for (let i = 0; i < depth; i++) {
    v128.store(panel, f32x4.mul(v128.load(panel, 0), factor), 0);
    v128.store(panel, f32x4.mul(v128.load(panel, 16), factor), 16);
    panel += TILE_ROW;
  }
}

/** All queries against one block of keys, the first of which comes `lead` places before the first query. */
function attendBlock(
  a: AttentionArguments,
  k: usize,
  v: usize,
  keys: i32,
  bias: usize,
  keyBias: usize,
  lead: i32,
  queries: i32,
  q: usize,
  o: usize,
  state: usize,
  keyStrips: usize,
): void {
  const strip = load<i32>(STRIP);
  const blockBytes = (<usize>a.headDim * <usize>KEY_BLOCK) << 2;
  const valueStrips = keyStrips + blockBytes;
  const scores = valueStrips + blockBytes;
  packStrips(k, a.kStride, 0, 0, keys, a.headDim, strip, keyStrips);
  packValues(v, a.vStride, keys, a.headDim, strip, valueStrips);
  for (let first = 0; first < queries; first += PANEL) {
    // None of these queries attends to any of the keys where all of them come later.
    if (a.causal == 0 || lead + first > -PANEL) {
      multiplyStrips(keyStrips, keys, a.headDim, strip, q, scores, false);
      if (bias != 0) addBias(scores, bias, a.biasStride, min(PANEL, queries - first), keys);
      if (keyBias != 0) addKeyBias(scores, keyBias, keys);
      if (a.causal != 0) maskLater(scores, keys, lead + first);
      softmaxStep(scores, keys, state, o, a.headDim);
      multiplyStrips(valueStrips, a.headDim, keys, strip, scores, o, true);
    }
    if (bias != 0) bias += <usize>PANEL * a.biasStride;
    q += (<usize>a.headDim) << 5;
    o += (<usize>a.headDim) << 5;
    state += STATE_BYTES;
  }
}

/** V^T in strips of [keys][rows]. */
function packValues(v: usize, vStride: usize, keys: i32, headDim: i32, strip: i32, target: usize): void {
  for (let d = 0; d < headDim; d += strip) {
    const height = min(strip, headDim - d);
    const place = target + ((<usize>d * <usize>keys) << 2);
    packColumns(v + ((<usize>d) << 2), vStride, 0, 0, height, keys, place, <usize>height);
  }
}

/** Scores become exp(score - maximum); sums, and the outputs so far, are rescaled to the new maximum. */
function softmaxStep(scores: usize, keys: i32, state: usize, o: usize, headDim: i32): void {
  const old0 = v128.load(state, 0),
    old1 = v128.load(state, 16);
  let max0 = old0,
    max1 = old1;
  const end = scores + ((<usize>keys) << 5);
  for (let s = scores; s < end; s += TILE_ROW) {
    max0 = f32x4.pmax(max0, v128.load(s, 0));
    max1 = f32x4.pmax(max1, v128.load(s, 16));
  }
  const shrink0 = expOfNegative(f32x4.sub(old0, max0)),
    shrink1 = expOfNegative(f32x4.sub(old1, max1));
  v128.store(state, max0, 0);
  v128.store(state, max1, 16);
  v128.store(state, f32x4.mul(v128.load(state, 32), shrink0), 32);
  v128.store(state, f32x4.mul(v128.load(state, 48), shrink1), 48);
  exponentiate(scores, keys, state);
  for (let i = 0; i < headDim; i++) {
    v128.store(o, f32x4.mul(v128.load(o, 0), shrink0), 0);
    v128.store(o, f32x4.mul(v128.load(o, 16), shrink1), 16);
    o += TILE_ROW;
  }
}

/** Scores become exp(score - maximum), and are added to the sums. */
function exponentiate(scores: usize, keys: i32, state: usize): void {
  const max0 = v128.load(state, 0),
    max1 = v128.load(state, 16);
  let sum0 = v128.load(state, 32),
    sum1 = v128.load(state, 48);
  for (; keys > 0; keys--) {
    const p0 = expOfNegative(f32x4.sub(v128.load(scores, 0), max0));
    const p1 = expOfNegative(f32x4.sub(v128.load(scores, 16), max1));
    v128.store(scores, p0, 0);
    v128.store(scores, p1, 16);
    sum0 = f32x4.add(sum0, p0);
    sum1 = f32x4.add(sum1, p1);
    scores += TILE_ROW;
  }
  v128.store(state, sum0, 32);
  v128.store(state, sum1, 48);
}

/** Divides by the sums and transposes the outputs back into rows. */
function writeQueries(a: AttentionArguments, out: usize, queries: i32, o: usize, state: usize): void {
  for (let first = 0; first < queries; first += PANEL) {
    const rows = min(PANEL, queries - first);
    writePanel(o, v128.load(state, 32), a.headDim, out, a.outStride, min(rows, 4));
    if (rows > 4)
      writePanel(o + 16, v128.load(state, 48), a.headDim, out + 4 * a.outStride, a.outStride, rows - 4);
    out += <usize>PANEL * a.outStride;
    o += (<usize>a.headDim) << 5;
    state += STATE_BYTES;
  }
}

/** Four queries of a panel: `rows` of them exist. */
function writePanel(o: usize, sum: v128, headDim: i32, out: usize, stride: usize, rows: i32): void {
  for (let d = 0; d < headDim; d += 4) {
    const lanes = min(4, headDim - d);
    const r0 = f32x4.div(v128.load(o, 0), sum);
    const r1 = lanes > 1 ? f32x4.div(v128.load(o, 32), sum) : r0;
    const r2 = lanes > 2 ? f32x4.div(v128.load(o, 64), sum) : r0;
    const r3 = lanes > 3 ? f32x4.div(v128.load(o, 96), sum) : r0;
    const even01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const odd01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const even23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const odd23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    storeLanes(out, v128.shuffle<f32>(even01, even23, 0, 1, 4, 5), lanes);
    if (rows > 1) storeLanes(out + stride, v128.shuffle<f32>(even01, even23, 2, 3, 6, 7), lanes);
    if (rows > 2) storeLanes(out + 2 * stride, v128.shuffle<f32>(odd01, odd23, 0, 1, 4, 5), lanes);
    if (rows > 3) storeLanes(out + 3 * stride, v128.shuffle<f32>(odd01, odd23, 2, 3, 6, 7), lanes);
    o += 4 * TILE_ROW;
    out += 16;
  }
}
