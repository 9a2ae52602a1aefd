/** The block's inputs by their names in its ONNX model. */
import { MODULATION } from '../onnx/ditGraph.js';
import { columns, type Tensor } from '../tensor.js';
import type { BlockProblem } from './problem.js';

export function modelInputs({ config, images, tokens, x, modulation }: BlockProblem): Record<string, Tensor> {
  const c = config.hiddenSize;
  const vectors = MODULATION.map((name, i) => [name, columns(modulation, images, i * c, c)]);
  return { x: { data: x.data, shape: [images, tokens, c] }, ...Object.fromEntries(vectors) };
}
