/** Means and squares about them of the columns of many rows: a block of rows after the other, two passes over each. */
import { multiplyAdd } from './arithmetic';
import { loadLanes } from './lanes';

/** Bytes of a vector of float32 by column. */
export function bytesOf(columns: i32): usize {
  return ((<usize>columns + 3) & ~3) << 2;
}

/** sums[column] += x[column]. */
export function addTo(sums: usize, x: usize, columns: i32): void {
  for (; columns > 0; columns -= 4) {
    v128.store(sums, f32x4.add(v128.load(sums), loadLanes(x, columns)));
    x += 16;
    sums += 16;
  }
}

/** sums[column] = mean of `rows` rows, four at a time: sums are then seldom loaded and stored. */
export function meansOfColumns(x: usize, stride: usize, rows: i32, columns: i32, sums: usize): void {
  memory.fill(sums, 0, bytesOf(columns));
  let i = rows;
  for (; i >= 4; i -= 4) {
    addFourRows(x, stride, columns, sums);
    x += 4 * stride;
  }
  for (; i > 0; i--) {
    addTo(sums, x, columns);
    x += stride;
  }
  const share = f32x4.splat(1.0 / <f32>rows);
  for (let end = sums + bytesOf(columns); sums < end; sums += 16)
    v128.store(sums, f32x4.mul(v128.load(sums), share));
}

function addFourRows(x: usize, stride: usize, columns: i32, sums: usize): void {
  for (; columns >= 4; columns -= 4) {
    let sum = f32x4.add(v128.load(sums), v128.load(x));
    sum = f32x4.add(sum, v128.load(x + stride));
    sum = f32x4.add(sum, v128.load(x + 2 * stride));
    v128.store(sums, f32x4.add(sum, v128.load(x + 3 * stride)));
    x += 16;
    sums += 16;
  }
  if (columns == 0) return;
  for (let i = 0; i < 4; i++) {
    addTo(sums, x, columns);
    x += stride;
  }
}

/** squares[column] = sum of the squares of the differences from means[column] over `rows` rows, four at a time. */
export function squaresOfColumns(
  x: usize,
  stride: usize,
  rows: i32,
  columns: i32,
  means: usize,
  squares: usize,
): void {
  memory.fill(squares, 0, bytesOf(columns));
  for (; rows >= 4; rows -= 4) {
    addFourSquares(x, stride, columns, means, squares);
    x += 4 * stride;
  }
  for (; rows > 0; rows--) {
    addSquares(x, columns, means, squares);
    x += stride;
  }
}

function addFourSquares(x: usize, stride: usize, columns: i32, means: usize, squares: usize): void {
  for (; columns >= 4; columns -= 4) {
    const mean = v128.load(means);
    const d0 = f32x4.sub(v128.load(x), mean);
    const d1 = f32x4.sub(v128.load(x + stride), mean);
    const d2 = f32x4.sub(v128.load(x + 2 * stride), mean);
    const d3 = f32x4.sub(v128.load(x + 3 * stride), mean);
    const sum = multiplyAdd(d1, d1, multiplyAdd(d0, d0, v128.load(squares)));
    v128.store(squares, multiplyAdd(d3, d3, multiplyAdd(d2, d2, sum)));
    x += 16;
    means += 16;
    squares += 16;
  }
  if (columns == 0) return;
  for (let i = 0; i < 4; i++) {
    addSquares(x, columns, means, squares);
    x += stride;
  }
}

function addSquares(x: usize, columns: i32, means: usize, squares: usize): void {
  for (; columns > 0; columns -= 4) {
    const d = f32x4.sub(loadLanes(x, columns), v128.load(means));
    v128.store(squares, multiplyAdd(d, d, v128.load(squares)));
    x += 16;
    means += 16;
    squares += 16;
  }
}

/** A block of rows joins the `done` rows before it (Chan, Golub & LeVeque, 1979), in float64. */
export function joinBlock(
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
