/**
 * out = epilogue((n(x) gain + bias) (1 + scale) + shift), each of the four optional. Where rows are normalised by themselves, a tile of
 * work is a block of rows; where the rows of an image are normalised together, a part of the columns of an image, whose rows are
 * read twice: for the statistics of each column, from which those of the groups follow, and to be normalised.
 *
 *     scratch   [gain][bias][mean][inverse]   by column
 *               [sums][squares]               of a block of rows, by column
 *               [means][totals]               of all rows so far, by column, in float64
 */
import { siluRow } from './activations';
import { multiplyAdd, sumLanes } from './arithmetic';
import { loadLanes, storeLanes } from './lanes';

/** Elements of a block of rows: they stay in the first-level cache from the first sum to the second. */
const BLOCK_ELEMENTS: i32 = 6144;

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
    normaliseRows(a, row, min(row + a.rowBlock, a.rows), scratch);
  } else {
    const groups = a.columns / a.width;
    const part = tile % a.parts;
    const column = ((groups * part) / a.parts) * a.width;
    const end = ((groups * (part + 1)) / a.parts) * a.width;
    normaliseImage(a, (tile / a.parts) * a.span, column, end - column, scratch);
  }
}

/** Bytes of a vector of float32 by column. */
function bytesOf(columns: i32): usize {
  return ((<usize>columns + 3) & ~3) << 2;
}

/** Rows that are normalised by themselves. */
function normaliseRows(a: NormArguments, row: i32, end: i32, scratch: usize): void {
  const bytes = bytesOf(a.columns);
  const mean = scratch + 2 * bytes;
  const inverse = mean + bytes;
  const gain = repeated(a.gain, a.gainColumns, a.columns, scratch);
  const bias = repeated(a.bias, a.biasColumns, a.columns, scratch + bytes);
  for (; row < end; row++) {
    const x = a.x + <usize>row * a.xStride;
    for (let column = 0; column < a.columns; column += a.width) {
      const offset = (<usize>column) << 2;
      const centre = a.isRms ? <f32>0 : sum(x + offset, a.width) / <f32>a.width;
      const variance = sumOfSquares(x + offset, centre, a.width) / <f32>a.width;
      fill(mean + offset, centre, a.width);
      fill(inverse + offset, <f32>(1.0 / sqrt<f64>(<f64>variance + <f64>a.epsilon)), a.width);
    }
    applyRow(a, row, 0, a.columns, mean, inverse, gain, bias);
  }
}

/** `columns` columns, whole groups, of the rows of an image, which begin at `row`. */
function normaliseImage(a: NormArguments, row: i32, column: i32, columns: i32, scratch: usize): void {
  const bytes = bytesOf(a.columns);
  const mean = scratch + 2 * bytes;
  const inverse = mean + bytes;
  const gain = repeated(a.gain, a.gainColumns, a.columns, scratch);
  const bias = repeated(a.bias, a.biasColumns, a.columns, scratch + bytes);
  const sums = inverse + bytes;
  const squares = sums + bytes;
  const means = squares + bytes;
  const totals = means + 2 * bytes;
  memory.fill(sums, 0, bytes);
  memory.fill(means, 0, 4 * bytes);
  // Of whole rows: how columns are parted changes no sum.
  const block = max(1, BLOCK_ELEMENTS / a.columns);
  for (let done = 0; done < a.span; done += block) {
    const rows = min(block, a.span - done);
    const x = a.x + <usize>(row + done) * a.xStride + ((<usize>column) << 2);
    if (!a.isRms) meansOfColumns(x, a.xStride, rows, columns, sums);
    squaresOfColumns(x, a.xStride, rows, columns, sums, squares);
    joinBlock(done, rows, columns, sums, squares, means, totals);
  }
  joinGroups(a, columns, means, totals, mean, inverse);
  for (let i = row; i < row + a.span; i++) applyRow(a, i, column, columns, mean, inverse, gain, bias);
}

/** An operand with all columns: `operand` itself, or what it has of a group repeated at `target`. */
function repeated(operand: usize, width: i32, columns: i32, target: usize): usize {
  if (operand == 0 || width == columns) return operand;
  for (let column = 0; column < columns; column += width)
    memory.copy(target + ((<usize>column) << 2), operand, (<usize>width) << 2);
  return target;
}

function sum(x: usize, count: i32): f32 {
  let a = f32x4.splat(0),
    b = f32x4.splat(0);
  for (; count >= 8; count -= 8) {
    a = f32x4.add(a, v128.load(x, 0));
    b = f32x4.add(b, v128.load(x, 16));
    x += 32;
  }
  for (; count > 0; count -= 4) {
    a = f32x4.add(a, loadLanes(x, count));
    x += 16;
  }
  return sumLanes(f32x4.add(a, b));
}

/** Of the differences from `centre`. */
function sumOfSquares(x: usize, centre: f32, count: i32): f32 {
  const centres = f32x4.splat(centre);
  let a = f32x4.splat(0),
    b = f32x4.splat(0);
  for (; count >= 8; count -= 8) {
    const d0 = f32x4.sub(v128.load(x, 0), centres);
    const d1 = f32x4.sub(v128.load(x, 16), centres);
    a = multiplyAdd(d0, d0, a);
    b = multiplyAdd(d1, d1, b);
    x += 32;
  }
  let total = f32x4.add(a, b);
  for (; count >= 4; count -= 4) {
    const d = f32x4.sub(v128.load(x), centres);
    total = multiplyAdd(d, d, total);
    x += 16;
  }
  let squares = sumLanes(total);
  for (; count > 0; count--) {
    const d = load<f32>(x) - centre;
    squares += d * d;
    x += 4;
  }
  return squares;
}

function fill(target: usize, value: f32, count: i32): void {
  const values = f32x4.splat(value);
  for (; count > 0; count -= 4) {
    storeLanes(target, values, count);
    target += 16;
  }
}

/** sums[column] = mean of `rows` rows. */
function meansOfColumns(x: usize, stride: usize, rows: i32, columns: i32, sums: usize): void {
  memory.fill(sums, 0, bytesOf(columns));
  for (let i = 0; i < rows; i++) {
    let from = x;
    let to = sums;
    for (let n = columns; n > 0; n -= 4) {
      v128.store(to, f32x4.add(v128.load(to), loadLanes(from, n)));
      from += 16;
      to += 16;
    }
    x += stride;
  }
  const share = f32x4.splat(1.0 / <f32>rows);
  for (let end = sums + bytesOf(columns); sums < end; sums += 16)
    v128.store(sums, f32x4.mul(v128.load(sums), share));
}

/** squares[column] = sum of the squares of the differences from means[column] over `rows` rows. */
function squaresOfColumns(
  x: usize,
  stride: usize,
  rows: i32,
  columns: i32,
  means: usize,
  squares: usize,
): void {
  memory.fill(squares, 0, bytesOf(columns));
  for (let i = 0; i < rows; i++) {
    let from = x;
    let to: usize = 0;
    for (let n = columns; n > 0; n -= 4) {
      const d = f32x4.sub(loadLanes(from, n), v128.load(means + to));
      v128.store(squares + to, multiplyAdd(d, d, v128.load(squares + to)));
      from += 16;
      to += 16;
    }
    x += stride;
  }
}

/** A block of rows joins the `done` rows before it (Chan, Golub & LeVeque, 1979), in float64. */
function joinBlock(
  done: i32,
  rows: i32,
  columns: i32,
  sums: usize,
  squares: usize,
  means: usize,
  totals: usize,
): void {
  const share = f64x2.splat(<f64>rows / <f64>(done + rows));
  const between = f64x2.splat((<f64>done * <f64>rows) / <f64>(done + rows));
  for (; columns > 0; columns -= 2) {
    const apart = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(sums)), v128.load(means));
    v128.store(means, f64x2.add(v128.load(means), f64x2.mul(apart, share)));
    const added = f64x2.add(
      f64x2.promote_low_f32x4(v128.load64_zero(squares)),
      f64x2.mul(f64x2.mul(apart, apart), between),
    );
    v128.store(totals, f64x2.add(v128.load(totals), added));
    sums += 8;
    squares += 8;
    means += 16;
    totals += 16;
  }
}

/** From the statistics of columns to those of their groups, for each column. */
function joinGroups(
  a: NormArguments,
  columns: i32,
  means: usize,
  totals: usize,
  mean: usize,
  inverse: usize,
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
    fill(mean, <f32>centre, a.width);
    fill(inverse, <f32>(1.0 / sqrt<f64>(variance + <f64>a.epsilon)), a.width);
    means += (<usize>a.width) << 3;
    totals += (<usize>a.width) << 3;
    mean += (<usize>a.width) << 2;
    inverse += (<usize>a.width) << 2;
  }
}

/** Normalises `columns` columns of a row from `column` on, whose statistics are at `mean` and `inverse`. */
function applyRow(
  a: NormArguments,
  row: i32,
  column: i32,
  columns: i32,
  mean: usize,
  inverse: usize,
  gain: usize,
  bias: usize,
): void {
  const offset = (<usize>column) << 2;
  const image = <usize>(row / a.rowsPerImage);
  let x = a.x + <usize>row * a.xStride + offset;
  const out = a.out + <usize>row * a.outStride + offset;
  if (gain != 0) gain += offset;
  if (bias != 0) bias += offset;
  let scale = a.scale == 0 ? 0 : a.scale + image * a.scaleStride + offset;
  let shift = a.shift == 0 ? 0 : a.shift + image * a.shiftStride + offset;
  let to = out;
  for (let n = columns; n > 0; n -= 4) {
    let y = f32x4.mul(f32x4.sub(loadLanes(x, n), v128.load(mean)), v128.load(inverse));
    if (gain != 0) {
      y = f32x4.mul(y, loadLanes(gain, n));
      gain += 16;
    }
    if (bias != 0) {
      y = f32x4.add(y, loadLanes(bias, n));
      bias += 16;
    }
    if (scale != 0) {
      y = multiplyAdd(y, loadLanes(scale, n), y);
      scale += 16;
    }
    if (shift != 0) {
      y = f32x4.add(y, loadLanes(shift, n));
      shift += 16;
    }
    storeLanes(to, y, n);
    x += 16;
    to += 16;
    mean += 16;
    inverse += 16;
  }
  if (a.isSilu) siluRow(out, out, columns);
}
