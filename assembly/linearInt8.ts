/**
 * `linear` with 8-bit weights (one scale per output channel) and activations rounded to 12 bits (one scale per row, found
 * while they are packed). Accumulation is exact; the tile is scaled back before the epilogue.
 *
 *     scratch   [tiles][scales of the block's rows, padded to a cache line][the block in strips, i16]
 *     weight    [panels][pairs][8][2] i8, padded with zeros after the last column and after an odd depth
 *     scales    f32, one per column, padded to a full panel
 */
import { Epilogue, finishTiles } from './epilogue';
import { PANEL, TILE_ROW } from './microkernel';
import { multiplyStripsInt8, STRIP } from './microkernelInt8';
import { behindTiles, isPacked } from './scratch';
import { GROUP, tileBytes } from './tiles';

/** Largest magnitude of a 12-bit activation. */
const LARGEST: f32 = 2047;

@unmanaged
export class LinearInt8Arguments {
  x: usize;
  xStride: usize;
  weight: usize;
  rows: i32;
  depth: i32;
  columns: i32;
  rowBlock: i32;
  columnBlock: i32;
  columnBlocks: i32;
  epilogue: Epilogue;
  scales: usize;
}

export function linearInt8(a: LinearInt8Arguments, tile: i32, scratch: usize): void {
  const rowBlock = tile / a.columnBlocks;
  const row = rowBlock * a.rowBlock;
  const rows = min(a.rowBlock, a.rows - row);
  const scales = behindTiles(scratch, a.rowBlock, GROUP);
  const strips = scales + ((((<usize>a.rowBlock) << 2) + 63) & ~63);
  if (!isPacked(rowBlock)) quantizeBlock(a, row, rows, scales, strips);
  const first = (tile % a.columnBlocks) * a.columnBlock;
  const end = min(first + a.columnBlock, a.columns);
  for (let column = first; column < end; column += GROUP) {
    const columns = min(GROUP, end - column);
    for (let j = 0; j < columns; j += PANEL)
      multiplyPanel(
        a,
        scales,
        strips,
        rows,
        column + j,
        scratch + <usize>(j / PANEL) * tileBytes(a.rowBlock),
      );
    finishTiles(a.epilogue, scratch, tileBytes(a.rowBlock), row, rows, column, columns);
  }
}

/** Multiplies all strips of the block by one panel. */
function multiplyPanel(
  a: LinearInt8Arguments,
  scales: usize,
  strips: usize,
  rows: i32,
  column: i32,
  tile: usize,
): void {
  const pairs = (a.depth + 1) >> 1;
  const panel = a.weight + ((<usize>column * <usize>pairs) << 1);
  multiplyStripsInt8(strips, rows, pairs, panel, tile);
  scaleTile(tile, rows, scales, a.scales + ((<usize>column) << 2));
}

/** Turns integers into floats and multiplies them by the scales of their row and column. */
function scaleTile(tile: usize, rows: i32, rowScales: usize, columnScales: usize): void {
  const scale0 = v128.load(columnScales, 0),
    scale1 = v128.load(columnScales, 16);
  for (let i = 0; i < rows; i++) {
    const rowScale = v128.load32_splat(rowScales);
    v128.store(tile, f32x4.mul(f32x4.convert_i32x4_s(v128.load(tile, 0)), f32x4.mul(scale0, rowScale)), 0);
    v128.store(tile, f32x4.mul(f32x4.convert_i32x4_s(v128.load(tile, 16)), f32x4.mul(scale1, rowScale)), 16);
    tile += TILE_ROW;
    rowScales += 4;
  }
}

function quantizeBlock(a: LinearInt8Arguments, row: i32, rows: i32, scales: usize, strips: usize): void {
  const pairs = (a.depth + 1) >> 1;
  for (let i = 0; i < rows; i++) {
    const stripRow = i % STRIP;
    const height = min(STRIP, rows - i + stripRow);
    const strip = strips + ((<usize>(i - stripRow) * <usize>pairs) << 2) + <usize>(stripRow << 2);
    const x = a.x + <usize>(row + i) * a.xStride;
    const peak = largestMagnitude(x, a.depth);
    store<f32>(scales + ((<usize>i) << 2), peak / LARGEST);
    quantizeRow(x, a.depth, peak > 0 ? LARGEST / peak : 0, strip, (<usize>height) << 2);
  }
}

function largestMagnitude(x: usize, depth: i32): f32 {
  let peaks = f32x4.splat(0);
  let k = 0;
  for (; k + 4 <= depth; k += 4) peaks = f32x4.pmax(peaks, f32x4.abs(v128.load(x + ((<usize>k) << 2))));
  let peak = max(
    max(f32x4.extract_lane(peaks, 0), f32x4.extract_lane(peaks, 1)),
    max(f32x4.extract_lane(peaks, 2), f32x4.extract_lane(peaks, 3)),
  );
  for (; k < depth; k++) peak = max(peak, abs(load<f32>(x + ((<usize>k) << 2))));
  return peak;
}

/** Rounds a row to integers and writes them in pairs, `step` bytes apart; an odd last one is paired with 0. */
function quantizeRow(x: usize, depth: i32, factor: f32, target: usize, step: usize): void {
  const factors = f32x4.splat(factor);
  let k = depth;
  for (; k >= 4; k -= 4) {
    const whole = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x), factors)));
    const narrow = i16x8.narrow_i32x4_s(whole, whole);
    v128.store32_lane(target, narrow, 0);
    v128.store32_lane(target + step, narrow, 1);
    x += 16;
    target += 2 * step;
  }
  for (; k > 0; k -= 2) {
    const low = <i32>nearest<f32>(load<f32>(x) * factor);
    const high = k > 1 ? <i32>nearest<f32>(load<f32>(x, 4) * factor) : 0;
    store<i32>(target, (low & 0xffff) | (high << 16));
    x += 8;
    target += step;
  }
}
