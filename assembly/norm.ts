/**
 * out = epilogue((n(x) gain + bias) (1 + scale) + shift), each of the four optional. Where rows are normalised by themselves, a tile of
 * work is a block of rows; where the rows of an image are normalised together, a part of the columns of an image, whose rows are
 * read twice: for the statistics of each column, from which those of the groups follow, and to be normalised.
 *
 *     scratch, of an image, by column
 *               [gain][bias]                  where they are repeated
 *               [factor][offset]              one multiply-add for each element
 *               [sums][squares]               of a block of rows without what they are about, which is at [factor]
 *               [means][totals]               of all rows so far, in float64
 */
import { activateRow, SILU, silu4 } from './activations';
import { multiplyAdd } from './arithmetic';
import { addTo, bytesOf, joinBlock, meansOfColumns, narrowMeans, sumsAndSquares } from './columnStatistics';
import { loadLanes, storeLanes } from './lanes';
import { sumOf, sumsAbout } from './rowStatistics';

/** Elements of a block of rows: so few that float32 holds their sums, and that joining blocks in float64 takes no time. */
const BLOCK_ELEMENTS: i32 = 32768;

@unmanaged
export class NormArguments {
  x: usize;
  xStride: usize;
  out: usize;
  outStride: usize;
  /** Addresses are 0 where an operand is absent. gain and bias may have fewer columns, which are repeated. */
  gain: usize;
  gainColumns: i32;
  bias: usize;
  biasColumns: i32;
  scale: usize;
  scaleStride: usize;
  shift: usize;
  shiftStride: usize;
  rowsPerImage: i32;
  rows: i32;
  columns: i32;
  /** Columns of a group. */
  width: i32;
  span: i32;
  /** Rows of a tile of work where rows are normalised by themselves. */
  rowBlock: i32;
  /** Parts of the columns where they are not. */
  parts: i32;
  isRms: i32;
  isSilu: i32;
  epsilon: f32;
}

export function norm(a: NormArguments, tile: i32, scratch: usize): void {
  if (a.span == 1) {
    const row = tile * a.rowBlock;
    normaliseRows(a, row, min(row + a.rowBlock, a.rows));
  } else {
    const groups = a.columns / a.width;
    const part = tile % a.parts;
    const column = ((groups * part) / a.parts) * a.width;
    const end = ((groups * (part + 1)) / a.parts) * a.width;
    normaliseImage(a, (tile / a.parts) * a.span, column, end - column, scratch);
  }
}

/** Rows that are normalised by themselves. */
function normaliseRows(a: NormArguments, row: i32, end: i32): void {
  for (; row < end; row++) {
    const x = a.x + <usize>row * a.xStride;
    const out = a.out + <usize>row * a.outStride;
    for (let column = 0; column < a.columns; column += a.width) normaliseGroup(a, x, out, column);
    if (a.scale != 0 || a.shift != 0) modulateRow(a, row, 0, a.columns, out);
    if (a.isSilu) activateRow(SILU, out, out, a.columns);
  }
}

/** A group of columns of a row. */
function normaliseGroup(a: NormArguments, x: usize, out: usize, column: i32): void {
  const offset = (<usize>column) << 2;
  const mean = a.isRms ? <f32>0 : sumOf(x + offset, a.width) / <f32>a.width;
  const squares = f32x4.extract_lane(sumsAbout(x + offset, mean, a.width), 1);
  const inverse = <f32>(1.0 / sqrt<f64>(<f64>(squares / <f32>a.width) + <f64>a.epsilon));
  const gain = a.gain == 0 ? 0 : a.gain + ((<usize>(column % a.gainColumns)) << 2);
  const bias = a.bias == 0 ? 0 : a.bias + ((<usize>(column % a.biasColumns)) << 2);
  if (gain != 0 && bias != 0)
    Inline.applyGroup(true, true, x + offset, mean, inverse, gain, bias, a.width, out + offset);
  else if (gain != 0)
    Inline.applyGroup(true, false, x + offset, mean, inverse, gain, bias, a.width, out + offset);
  else if (bias != 0)
    Inline.applyGroup(false, true, x + offset, mean, inverse, gain, bias, a.width, out + offset);
  else Inline.applyGroup(false, false, x + offset, mean, inverse, gain, bias, a.width, out + offset);
}

/** `columns` columns, whole groups, of the rows of an image, which begin at `row`. */
function normaliseImage(a: NormArguments, row: i32, column: i32, columns: i32, scratch: usize): void {
  const bytes = bytesOf(a.columns);
  const offset = (<usize>column) << 2;
  const factors = scratch + 2 * bytes;
  const offsets = factors + bytes;
  const gain = repeated(a.gain, a.gainColumns, a.columns, scratch);
  const bias = repeated(a.bias, a.biasColumns, a.columns, scratch + bytes);
  const sums = offsets + bytes;
  const squares = sums + bytes;
  const means = squares + bytes;
  const totals = means + 2 * bytes;
  memory.fill(factors, 0, bytes);
  memory.fill(means, 0, 4 * bytes);
  // Of whole rows: how columns are parted changes no sum.
  const block = max(1, BLOCK_ELEMENTS / a.columns);
  const x = a.x + <usize>row * a.xStride + offset;
  for (let done = 0; done < a.span; done += block) {
    const rows = min(block, a.span - done);
    const from = x + <usize>done * a.xStride;
    if (!a.isRms && done == 0) meansOfColumns(from, a.xStride, rows, columns, factors);
    else if (!a.isRms) narrowMeans(columns, means, factors);
    sumsAndSquares(from, a.xStride, rows, columns, factors, sums, squares);
    if (a.isRms) memory.fill(sums, 0, bytes);
    joinBlock(done, rows, columns, factors, sums, squares, means, totals);
  }
  joinGroups(a, columns, means, totals, factors, offsets);
  if (gain != 0) multiplyBy(gain + offset, factors, offsets, columns);
  if (bias != 0) addTo(offsets, bias + offset, columns);
  for (let i = 0; i < a.span; i++) {
    const out = a.out + <usize>(row + i) * a.outStride + offset;
    const from = x + <usize>i * a.xStride;
    if (a.scale != 0 || a.shift != 0) {
      Inline.scaleRow(false, from, factors, offsets, columns, out);
      modulateRow(a, row + i, column, columns, out);
      if (a.isSilu) activateRow(SILU, out, out, columns);
    } else if (a.isSilu) Inline.scaleRow(true, from, factors, offsets, columns, out);
    else Inline.scaleRow(false, from, factors, offsets, columns, out);
  }
}

/** factors and offsets, times gain. */
function multiplyBy(gain: usize, factors: usize, offsets: usize, columns: i32): void {
  for (; columns > 0; columns -= 4) {
    const by = loadLanes(gain, columns);
    v128.store(factors, f32x4.mul(v128.load(factors), by));
    v128.store(offsets, f32x4.mul(v128.load(offsets), by));
    gain += 16;
    factors += 16;
    offsets += 16;
  }
}

/** A class, because TypeScript takes decorators on methods only. What is true or false is a constant at each call. */
class Inline {
  /** out = x * factors + offsets, or SiLU of it. */
  @inline
  static scaleRow(isSilu: bool, x: usize, factors: usize, offsets: usize, columns: i32, out: usize): void {
    for (; columns >= 8; columns -= 8) {
      const y0 = multiplyAdd(v128.load(x, 0), v128.load(factors, 0), v128.load(offsets, 0));
      const y1 = multiplyAdd(v128.load(x, 16), v128.load(factors, 16), v128.load(offsets, 16));
      v128.store(out, isSilu ? silu4(y0) : y0, 0);
      v128.store(out, isSilu ? silu4(y1) : y1, 16);
      x += 32;
      factors += 32;
      offsets += 32;
      out += 32;
    }
    for (; columns > 0; columns -= 4) {
      const y = multiplyAdd(loadLanes(x, columns), v128.load(factors), v128.load(offsets));
      storeLanes(out, isSilu ? silu4(y) : y, columns);
      x += 16;
      factors += 16;
      offsets += 16;
      out += 16;
    }
  }

  /** out = (x - mean) * inverse, times gain, plus bias where they are given. */
  @inline
  static applyGroup(
    hasGain: bool,
    hasBias: bool,
    x: usize,
    mean: f32,
    inverse: f32,
    gain: usize,
    bias: usize,
    columns: i32,
    out: usize,
  ): void {
    const means = f32x4.splat(mean),
      inverses = f32x4.splat(inverse);
    for (; columns >= 8; columns -= 8) {
      let y0 = f32x4.mul(f32x4.sub(v128.load(x, 0), means), inverses),
        y1 = f32x4.mul(f32x4.sub(v128.load(x, 16), means), inverses);
      if (hasGain) {
        y0 = f32x4.mul(y0, v128.load(gain, 0));
        y1 = f32x4.mul(y1, v128.load(gain, 16));
        gain += 32;
      }
      if (hasBias) {
        y0 = f32x4.add(y0, v128.load(bias, 0));
        y1 = f32x4.add(y1, v128.load(bias, 16));
        bias += 32;
      }
      v128.store(out, y0, 0);
      v128.store(out, y1, 16);
      x += 32;
      out += 32;
    }
    for (; columns > 0; columns -= 4) {
      let y = f32x4.mul(f32x4.sub(loadLanes(x, columns), means), inverses);
      if (hasGain) {
        y = f32x4.mul(y, loadLanes(gain, columns));
        gain += 16;
      }
      if (hasBias) {
        y = f32x4.add(y, loadLanes(bias, columns));
        bias += 16;
      }
      storeLanes(out, y, columns);
      x += 16;
      out += 16;
    }
  }
}

/** Modulates `columns` columns of a row from `column` on, in place. */
function modulateRow(a: NormArguments, row: i32, column: i32, columns: i32, out: usize): void {
  const offset = (<usize>column) << 2;
  const image = <usize>(row / a.rowsPerImage);
  let scale = a.scale == 0 ? 0 : a.scale + image * a.scaleStride + offset;
  let shift = a.shift == 0 ? 0 : a.shift + image * a.shiftStride + offset;
  for (; columns > 0; columns -= 4) {
    let y = loadLanes(out, columns);
    if (scale != 0) {
      y = multiplyAdd(y, loadLanes(scale, columns), y);
      scale += 16;
    }
    if (shift != 0) {
      y = f32x4.add(y, loadLanes(shift, columns));
      shift += 16;
    }
    storeLanes(out, y, columns);
    out += 16;
  }
}

/** An operand with all columns: `operand` itself, or what it has of a group repeated at `target`. */
function repeated(operand: usize, width: i32, columns: i32, target: usize): usize {
  if (operand == 0 || width == columns) return operand;
  for (let column = 0; column < columns; column += width)
    memory.copy(target + ((<usize>column) << 2), operand, (<usize>width) << 2);
  return target;
}

function fill(target: usize, value: f32, count: i32): void {
  const values = f32x4.splat(value);
  for (; count > 0; count -= 4) {
    storeLanes(target, values, count);
    target += 16;
  }
}

/** From the statistics of columns to those of their groups: n(x) = x * factors + offsets. */
function joinGroups(
  a: NormArguments,
  columns: i32,
  means: usize,
  totals: usize,
  factors: usize,
  offsets: usize,
): void {
  for (let first = 0; first < columns; first += a.width) {
    let centre: f64 = 0;
    for (let j = 0; j < a.width; j++) centre += load<f64>(means + ((<usize>j) << 3));
    centre /= <f64>a.width;
    let total: f64 = 0;
    for (let j = 0; j < a.width; j++) {
      const apart = load<f64>(means + ((<usize>j) << 3)) - centre;
      total += load<f64>(totals + ((<usize>j) << 3)) + <f64>a.span * apart * apart;
    }
    const variance = total / (<f64>a.span * <f64>a.width);
    const inverse = 1.0 / sqrt<f64>(variance + <f64>a.epsilon);
    fill(factors, <f32>inverse, a.width);
    fill(offsets, <f32>(-centre * inverse), a.width);
    means += (<usize>a.width) << 3;
    totals += (<usize>a.width) << 3;
    factors += (<usize>a.width) << 2;
    offsets += (<usize>a.width) << 2;
  }
}
