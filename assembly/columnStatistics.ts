/** Sums and squares of the columns of many rows: a block of rows after the other, each of which is read once. */
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

/** means[column] = mean of `rows` rows. */
export function meansOfColumns(x: usize, stride: usize, rows: i32, columns: i32, means: usize): void {
  memory.fill(means, 0, bytesOf(columns));
  for (let i = 0; i < rows; i++) {
    addTo(means, x, columns);
    x += stride;
  }
  const share = f32x4.splat(1.0 / <f32>rows);
  for (let end = means + bytesOf(columns); means < end; means += 16)
    v128.store(means, f32x4.mul(v128.load(means), share));
}

/** Sums and squares over `rows` rows of what is left of x without `about`, four rows at a time: sums are then seldom loaded and stored. */
export function sumsAndSquares(
  x: usize,
  stride: usize,
  rows: i32,
  columns: i32,
  about: usize,
  sums: usize,
  squares: usize,
): void {
  memory.fill(sums, 0, bytesOf(columns));
  memory.fill(squares, 0, bytesOf(columns));
  for (; rows >= 4; rows -= 4) {
    addFourRows(x, stride, columns, about, sums, squares);
    x += 4 * stride;
  }
  for (; rows > 0; rows--) {
    addRow(x, columns, about, sums, squares);
    x += stride;
  }
}

function addFourRows(x: usize, stride: usize, columns: i32, about: usize, sums: usize, squares: usize): void {
  for (; columns >= 4; columns -= 4) {
    const centre = v128.load(about);
    const d0 = f32x4.sub(v128.load(x), centre);
    const d1 = f32x4.sub(v128.load(x + stride), centre);
    const d2 = f32x4.sub(v128.load(x + 2 * stride), centre);
    const d3 = f32x4.sub(v128.load(x + 3 * stride), centre);
    v128.store(sums, f32x4.add(f32x4.add(f32x4.add(f32x4.add(v128.load(sums), d0), d1), d2), d3));
    const square = multiplyAdd(d1, d1, multiplyAdd(d0, d0, v128.load(squares)));
    v128.store(squares, multiplyAdd(d3, d3, multiplyAdd(d2, d2, square)));
    x += 16;
    about += 16;
    sums += 16;
    squares += 16;
  }
  if (columns == 0) return;
  for (let i = 0; i < 4; i++) {
    addRow(x, columns, about, sums, squares);
    x += stride;
  }
}

function addRow(x: usize, columns: i32, about: usize, sums: usize, squares: usize): void {
  for (; columns > 0; columns -= 4) {
    const d = f32x4.sub(loadLanes(x, columns), v128.load(about));
    v128.store(sums, f32x4.add(v128.load(sums), d));
    v128.store(squares, multiplyAdd(d, d, v128.load(squares)));
    x += 16;
    about += 16;
    sums += 16;
    squares += 16;
  }
}

/**
 * A block of rows joins the `done` rows before it (Chan, Golub & LeVeque, 1979), in float64. What its sums about the mean of those
 * rows lose where that is far is no more than rounding of the squares that the distance adds.
 */
export function joinBlock(
  done: i32,
  rows: i32,
  columns: i32,
  about: usize,
  sums: usize,
  squares: usize,
  means: usize,
  totals: usize,
): void {
  const each = f64x2.splat(1.0 / <f64>rows);
  const share = f64x2.splat(<f64>rows / <f64>(done + rows));
  const between = f64x2.splat((<f64>done * <f64>rows) / <f64>(done + rows));
  for (; columns > 0; columns -= 2) {
    const sum = f64x2.promote_low_f32x4(v128.load64_zero(sums));
    const less = f64x2.mul(sum, each);
    const centre = f64x2.promote_low_f32x4(v128.load64_zero(about));
    const apart = f64x2.sub(f64x2.add(centre, less), v128.load(means));
    v128.store(means, f64x2.add(v128.load(means), f64x2.mul(apart, share)));
    const square = f64x2.promote_low_f32x4(v128.load64_zero(squares));
    const within = f64x2.sub(square, f64x2.mul(sum, less));
    const added = f64x2.add(within, f64x2.mul(f64x2.mul(apart, apart), between));
    v128.store(totals, f64x2.add(v128.load(totals), added));
    about += 8;
    sums += 8;
    squares += 8;
    means += 16;
    totals += 16;
  }
}

/** about[column] = the mean of the rows so far. */
export function narrowMeans(columns: i32, means: usize, about: usize): void {
  for (; columns > 0; columns -= 2) {
    v128.store64_lane(about, f32x4.demote_f64x2_zero(v128.load(means)), 0);
    about += 8;
    means += 16;
  }
}
