/**
 * out = LN(x) (1 + scale) + shift, over the columns, no affine part. A tile of work is a block of rows.
 * Two passes: the mean, then the variance about it; the second pass also sums what rounding left of the mean.
 * Rows whose squares are too large for float32 are computed in float64.
 */
import { multiplyAdd, sumLanes } from './arithmetic';
import { loadLanes, storeLanes } from './lanes';

@unmanaged
export class LayerNormModulateArguments {
  x: usize;
  xStride: usize;
  shift: usize;
  shiftStride: usize;
  scale: usize;
  scaleStride: usize;
  out: usize;
  outStride: usize;
  rows: i32;
  columns: i32;
  rowBlock: i32;
  rowsPerImage: i32;
  epsilon: f32;
}

export function layerNormModulate(a: LayerNormModulateArguments, tile: i32): void {
  const first = tile * a.rowBlock;
  const end = min(first + a.rowBlock, a.rows);
  for (let row = first; row < end; row++) {
    const image = <usize>(row / a.rowsPerImage);
    normalizeRow(
      a.x + <usize>row * a.xStride,
      a.shift + image * a.shiftStride,
      a.scale + image * a.scaleStride,
      a.out + <usize>row * a.outStride,
      a.columns,
      a.epsilon,
    );
  }
}

function normalizeRow(x: usize, shift: usize, scale: usize, out: usize, columns: i32, epsilon: f32): void {
  const mean = sum(x, columns) / <f32>columns;
  let sums = f32x4.splat(0),
    squares = f32x4.splat(0);
  const means = f32x4.splat(mean);
  let i = 0;
  for (; i + 4 <= columns; i += 4) {
    const d = f32x4.sub(v128.load(x + ((<usize>i) << 2)), means);
    sums = f32x4.add(sums, d);
    squares = multiplyAdd(d, d, squares);
  }
  let rest = sumLanes(sums),
    square = sumLanes(squares);
  for (; i < columns; i++) {
    const d = load<f32>(x + ((<usize>i) << 2)) - mean;
    rest += d;
    square += d * d;
  }
  if (!(square < Infinity)) {
    normalizeWideRow(x, shift, scale, out, columns, epsilon);
    return;
  }
  const correction = rest / <f32>columns;
  const variance = max<f32>(square / <f32>columns - correction * correction, 0);
  const inverse = <f32>(1.0 / sqrt<f64>(<f64>variance + <f64>epsilon));
  modulateRow(x, shift, scale, out, columns, mean, correction, inverse);
}

/** The same in float64, one element after another. */
function normalizeWideRow(
  x: usize,
  shift: usize,
  scale: usize,
  out: usize,
  columns: i32,
  epsilon: f32,
): void {
  const bytes = (<usize>columns) << 2;
  let mean: f64 = 0,
    variance: f64 = 0;
  for (let i: usize = 0; i < bytes; i += 4) mean += <f64>load<f32>(x + i);
  mean /= <f64>columns;
  for (let i: usize = 0; i < bytes; i += 4) {
    const d = <f64>load<f32>(x + i) - mean;
    variance += d * d;
  }
  const inverse = 1.0 / sqrt<f64>(variance / <f64>columns + <f64>epsilon);
  for (let i: usize = 0; i < bytes; i += 4) {
    const y = (<f64>load<f32>(x + i) - mean) * inverse;
    store<f32>(out + i, <f32>(y * (1.0 + <f64>load<f32>(scale + i)) + <f64>load<f32>(shift + i)));
  }
}

function sum(x: usize, columns: i32): f32 {
  let a = f32x4.splat(0),
    b = f32x4.splat(0);
  let i = 0;
  for (; i + 8 <= columns; i += 8) {
    a = f32x4.add(a, v128.load(x + ((<usize>i) << 2), 0));
    b = f32x4.add(b, v128.load(x + ((<usize>i) << 2), 16));
  }
  let total = sumLanes(f32x4.add(a, b));
  for (; i < columns; i++) total += load<f32>(x + ((<usize>i) << 2));
  return total;
}

function modulateRow(
  x: usize,
  shift: usize,
  scale: usize,
  out: usize,
  columns: i32,
  mean: f32,
  correction: f32,
  inverse: f32,
): void {
  const means = f32x4.splat(mean),
    corrections = f32x4.splat(correction),
    inverses = f32x4.splat(inverse);
  const one = f32x4.splat(1.0);
  for (let i = 0; i < columns; i += 4) {
    const lanes = columns - i;
    const offset = (<usize>i) << 2;
    const centred = f32x4.sub(f32x4.sub(loadLanes(x + offset, lanes), means), corrections);
    const factor = f32x4.add(loadLanes(scale + offset, lanes), one);
    const y = multiplyAdd(f32x4.mul(centred, inverses), factor, loadLanes(shift + offset, lanes));
    storeLanes(out + offset, y, lanes);
  }
}
