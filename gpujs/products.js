/**
 * Matrix products as gpu.js can say them: two loads a multiplication. `src/backend/gpu/wgsl` has faster ones by hand.
 */
import { activation, quotient, remainder } from './helpers.js';
import { kernel } from './kernel.js';

/** (x - minus) weight^T + bias + share base. */
export const product = kernel(
  ['matrix', 'matrix', 'matrix', 'matrix', 'matrix', 'integer', 'float'],
  function product(x, minus, weight, bias, base, depth, share) {
    let sum = 0;
    for (let k = 0; k < depth; k++)
      sum += (x[this.thread.y][k] - minus[this.thread.y][k]) * weight[this.thread.x][k];
    return sum + bias[0][this.thread.x] + share * base[this.thread.y][this.thread.x];
  },
);

/** scale q k^T + bias + keyBias of each image and head, a row for each head and query: (image, head, query) x key. */
export const scores = kernel(
  [...Array(4).fill('matrix'), ...Array(4).fill('integer'), 'float'],
  function scores(q, k, bias, keyBias, heads, queryLength, keyLength, width, scale) {
    const image = quotient(this.thread.y, heads * queryLength);
    const row = remainder(this.thread.y, heads * queryLength);
    const first = quotient(row, queryLength) * width;
    const query = image * queryLength + remainder(row, queryLength);
    const key = image * keyLength + this.thread.x;
    let dot = 0;
    for (let d = 0; d < width; d++) dot += q[query][first + d] * k[key][first + d];
    return scale * dot + bias[row][this.thread.x] + keyBias[image][this.thread.x];
  },
);

/**
 * Of each row of scores the largest (column 0) and the sum of exponentials without it (1). A query attends to the first
 * `allKeys` + keyLengths[image] keys, of which one is 0.
 */
export const softmaxSums = kernel(
  ['matrix', 'matrix', 'integer', 'integer', 'integer', 'integer'],
  function softmaxSums(scores, keyLengths, allKeys, rowsPerImage, queryLength, causal) {
    let keys = allKeys + keyLengths[quotient(this.thread.y, rowsPerImage)][0];
    if (causal === 1) keys = Math.min(keys, remainder(this.thread.y, queryLength) + 1);
    let largest = scores[this.thread.y][0];
    for (let i = 1; i < keys; i++) largest = Math.max(largest, scores[this.thread.y][i]);
    let sum = 0;
    for (let j = 0; j < keys; j++) sum += Math.exp(Math.max(scores[this.thread.y][j] - largest, -100));
    if (this.thread.x === 1) largest = sum;
    return largest;
  },
);

/** softmax(scores) v. */
export const attend = kernel(
  [...Array(4).fill('matrix'), ...Array(6).fill('integer')],
  function attend(scores, sums, v, keyLengths, allKeys, heads, queryLength, keyLength, width, causal) {
    const image = quotient(this.thread.y, queryLength);
    const query = remainder(this.thread.y, queryLength);
    const row = (image * heads + quotient(this.thread.x, width)) * queryLength + query;
    let keys = allKeys + keyLengths[image][0];
    if (causal === 1) keys = Math.min(keys, query + 1);
    const largest = sums[row][0];
    let sum = 0;
    for (let key = 0; key < keys; key++) {
      const weight = Math.exp(Math.max(scores[row][key] - largest, -100));
      sum += weight * v[image * keyLength + key][this.thread.x];
    }
    return sum / sums[row][1];
  },
);

/** A cross-correlation of images whose pixels are rows; weights as in a checkpoint: (channel, down, across). */
export const convolution = kernel(
  [...Array(4).fill('matrix'), ...Array(11).fill('integer')],
  function convolution(
    x,
    weight,
    bias,
    residual,
    channels,
    height,
    width,
    down,
    across,
    kernel,
    stride,
    upsample,
    padTop,
    padLeft,
    kind,
  ) {
    const image = quotient(this.thread.y, down * across);
    const place = remainder(this.thread.y, down * across);
    const top = quotient(place, across) * stride - padTop;
    const left = remainder(place, across) * stride - padLeft;
    let sum = bias[0][this.thread.x];
    for (let tap = 0; tap < kernel * kernel; tap++) {
      const row = top + quotient(tap, kernel);
      const column = left + remainder(tap, kernel);
      if (row >= 0 && row < height * upsample && column >= 0 && column < width * upsample) {
        const pixel = (image * height + quotient(row, upsample)) * width + quotient(column, upsample);
        for (let c = 0; c < channels; c++)
          sum += x[pixel][c] * weight[this.thread.x][c * kernel * kernel + tap];
      }
    }
    return residual[this.thread.y][this.thread.x] + activation(sum, kind);
  },
);
