/**
 * Kernels in the JavaScript of gpu.js, which translates them to WGSL when `npm run gpu:kernels` is run
 * (docs/architecture.md).
 *
 * A kernel computes one element of its output, that in row `this.thread.y` and column `this.thread.x`. A `matrix` is
 * any view of any buffer: `x[row][column]`. An optional one that is absent reads as zeros. Kernels may be in place:
 * `x` may be the output itself, so a kernel that reads any other element of its output than its own has to be given
 * another buffer.
 */

/** @param {readonly ('matrix' | 'integer' | 'float')[]} types of the parameters, in their order */
export function kernel(types, body) {
  return { types, body };
}
