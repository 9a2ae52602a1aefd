/**
 * out = LN(x) (1 + scale) + shift, over the columns, no affine part. A tile of work is a block of rows.
 * Two passes: the mean, then the variance about it; the second pass also sums what rounding left of the mean.
 * Rows whose squares are too large for float32 are computed in float64.
 */
import { multiplyAdd } from './arithmetic';
import { loadLanes, storeLanes } from './lanes';
import { sumOf, sumsAbout } from './rowStatistics';

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
  const mean = sumOf(x, columns) / <f32>columns;
  const sums = sumsAbout(x, mean, columns);
  const rest = f32x4.extract_lane(sums, 0),
    square = f32x4.extract_lane(sums, 1);
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
  for (; columns >= 8; columns -= 8) {
    const c0 = f32x4.sub(f32x4.sub(v128.load(x, 0), means), corrections),
      c1 = f32x4.sub(f32x4.sub(v128.load(x, 16), means), corrections);
    const f0 = f32x4.add(v128.load(scale, 0), one),
      f1 = f32x4.add(v128.load(scale, 16), one);
    v128.store(out, multiplyAdd(f32x4.mul(c0, inverses), f0, v128.load(shift, 0)), 0);
    v128.store(out, multiplyAdd(f32x4.mul(c1, inverses), f1, v128.load(shift, 16)), 16);
    x += 32;
    scale += 32;
    shift += 32;
    out += 32;
  }
  for (; columns > 0; columns -= 4) {
    const centred = f32x4.sub(f32x4.sub(loadLanes(x, columns), means), corrections);
    const factor = f32x4.add(loadLanes(scale, columns), one);
    storeLanes(out, multiplyAdd(f32x4.mul(centred, inverses), factor, loadLanes(shift, columns)), columns);
    x += 16;
    scale += 16;
    shift += 16;
    out += 16;
  }
}
