/** What brings data into and out of a network: patches, embeddings and tables. */
import { quotient, remainder } from './helpers.js';
import { kernel } from './kernel.js';

/** Images (a row each) to tokens, each (channel, p, q). `across`, `perImage`: tokens of a row and of an image. */
export const patchify = kernel(
  ['matrix', 'integer', 'integer', 'integer', 'integer', 'integer'],
  function patchify(x, height, width, side, across, perImage) {
    const token = remainder(this.thread.y, perImage);
    const channel = quotient(this.thread.x, side * side);
    const place = remainder(this.thread.x, side * side);
    const row = quotient(token, across) * side + quotient(place, side);
    const column = remainder(token, across) * side + remainder(place, side);
    return x[quotient(this.thread.y, perImage)][(channel * height + row) * width + column];
  },
);

/** Tokens, each (p, q, channel), to images. */
export const unpatchify = kernel(
  ['matrix', 'integer', 'integer', 'integer', 'integer', 'integer', 'integer'],
  function unpatchify(x, channels, height, width, side, across, perImage) {
    const channel = quotient(this.thread.x, height * width);
    const row = quotient(remainder(this.thread.x, height * width), width);
    const column = remainder(this.thread.x, width);
    const token = this.thread.y * perImage + quotient(row, side) * across + quotient(column, side);
    const place = remainder(row, side) * side + remainder(column, side);
    return x[token][place * channels + channel];
  },
);

/** table[index[i]]. */
export const gatherRows = kernel(['matrix', 'matrix'], function gatherRows(table, index) {
  return table[index[this.thread.y][0]][this.thread.x];
});

/**
 * cos and sin of t f. GPUs know neither well for large angles, so the phase is counted in turns and its whole turns
 * are taken away. The frequency comes in three rows, in turns: 12 bits, the next 12 and the rest, so that their
 * products with the whole part of t (below 4096) and with its first 12 bits behind the point are exact.
 */
export const timestepEmbedding = kernel(
  ['matrix', 'matrix', 'integer'],
  function timestepEmbedding(x, f, half) {
    const j = remainder(this.thread.x, half);
    const t = x[this.thread.y][0];
    const whole = Math.floor(t);
    const rest = t - whole;
    const coarse = Math.floor(rest * 4096) / 4096;
    const fine = rest - coarse;
    let turns = whole * f[0][j];
    turns = turns - Math.floor(turns);
    let low = whole * f[1][j];
    low = low - Math.floor(low);
    turns = turns + low + whole * f[2][j] + coarse * f[0][j] + coarse * f[1][j] + fine * f[0][j];
    turns = turns - Math.floor(turns);
    // From the nearest quarter of a turn, at most an eighth away, where short series are exact.
    let quarter = Math.floor(4 * turns + 0.5);
    const angle = 6.283185307179586 * (turns - 0.25 * quarter);
    const a2 = angle * angle;
    const sin =
      angle * (1 - a2 * (0.16666667 - a2 * (0.0083333333 - a2 * (0.0001984127 - a2 * 0.0000027557319))));
    const cos =
      1 -
      a2 * (0.5 - a2 * (0.041666667 - a2 * (0.0013888889 - a2 * (0.000024801587 - a2 * 0.00000027557319))));
    // cos of the angle, or its sine, which is the cosine a quarter of a turn before.
    if (this.thread.x >= half) quarter = quarter + 3;
    quarter = quarter - 4 * Math.floor(0.25 * quarter);
    let y = cos;
    if (quarter > 0.5) y = -sin;
    if (quarter > 1.5) y = -cos;
    if (quarter > 2.5) y = sin;
    return y;
  },
);
