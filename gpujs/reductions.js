/** Sums over rows, columns and groups. */
import { activation, quotient, remainder } from './helpers.js';
import { kernel } from './kernel.js';

/** Sums of groups of `width` columns of each row. */
export const groupSums = kernel(['matrix', 'integer'], function groupSums(x, width) {
  let sum = 0;
  for (let j = 0; j < width; j++) sum += x[this.thread.y][this.thread.x * width + j];
  return sum;
});

/** Sums of squares of what is left without the mean, `share` of the sum over a group in `span` rows. */
export const groupSquares = kernel(
  ['matrix', 'matrix', 'integer', 'integer', 'float'],
  function groupSquares(x, sums, width, span, share) {
    const mean = share * sums[quotient(this.thread.y, span)][this.thread.x];
    let sum = 0;
    for (let j = 0; j < width; j++) {
      const d = x[this.thread.y][this.thread.x * width + j] - mean;
      sum += d * d;
    }
    return sum;
  },
);

/** Of each block of `span` rows, sums of `chunk` rows: the first of `parts` such sums, the second, ... */
export const sumRows = kernel(
  ['matrix', 'integer', 'integer', 'integer'],
  function sumRows(x, span, chunk, parts) {
    const first = remainder(this.thread.y, parts) * chunk;
    const block = quotient(this.thread.y, parts) * span;
    const count = Math.min(chunk, span - first);
    let sum = 0;
    for (let i = 0; i < count; i++) sum += x[block + first + i][this.thread.x];
    return sum;
  },
);

/**
 * ((x - mean) / deviation gain + bias) (1 + scale) + shift, then `kind`; `share` of sums and squares over `span`
 * rows.
 */
export const normalize = kernel(
  [...Array(7).fill('matrix'), ...Array(6).fill('integer'), 'float', 'float'],
  function normalize(
    x,
    sums,
    squares,
    gain,
    bias,
    scale,
    shift,
    width,
    span,
    gains,
    biases,
    rowsPerScale,
    kind,
    share,
    epsilon,
  ) {
    const i = this.thread.y;
    const j = this.thread.x;
    const group = quotient(j, width);
    const block = quotient(i, span);
    const mean = share * sums[block][group];
    const inverse = 1 / Math.sqrt(share * squares[block][group] + epsilon);
    const image = quotient(i, rowsPerScale);
    const n = (x[i][j] - mean) * inverse * gain[0][remainder(j, gains)] + bias[0][remainder(j, biases)];
    return activation(n * (1 + scale[image][j]) + shift[image][j], kind);
  },
);

/** Mean over the tokens of an image of |x - previous|. */
export const channelStatistics = kernel(
  ['matrix', 'matrix', 'integer'],
  function channelStatistics(x, previous, tokens) {
    let sum = 0;
    for (let i = 0; i < tokens; i++) {
      const row = this.thread.y * tokens + i;
      sum += Math.abs(x[row][this.thread.x] - previous[row][this.thread.x]);
    }
    return sum / tokens;
  },
);

/** d^T d with d = x - previous. */
export const secondMoment = kernel(['matrix', 'matrix', 'integer'], function secondMoment(x, previous, rows) {
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const a = x[i][this.thread.y] - previous[i][this.thread.y];
    const b = x[i][this.thread.x] - previous[i][this.thread.x];
    sum += a * b;
  }
  return sum;
});

/** Of each row the sum of |x - previous| (column 0) and of |previous| (1), or with `norm` 2 of their squares. */
export const rowDistances = kernel(
  ['matrix', 'matrix', 'integer', 'integer'],
  function rowDistances(x, previous, columns, norm) {
    let sum = 0;
    for (let j = 0; j < columns; j++) {
      let d = previous[this.thread.y][j];
      if (this.thread.x === 0) d = x[this.thread.y][j] - d;
      if (norm === 2) sum += d * d;
      else sum += Math.abs(d);
    }
    return sum;
  },
);

/** The first of two sums over the second; `infinite` holds infinity, which the JavaScript of gpu.js cannot say. */
export const relativeDistance = kernel(
  ['matrix', 'matrix', 'integer'],
  function relativeDistance(sums, infinite, norm) {
    let a = sums[0][0];
    let b = sums[0][1];
    if (norm === 2) {
      a = Math.sqrt(a);
      b = Math.sqrt(b);
    }
    let y = infinite[0][0];
    if (b > 0) y = a / b;
    if (a === 0) y = 0;
    return y;
  },
);
