import { DiTGraph, MODULATION } from '../onnx/ditGraph.js';
import { OnnxGraph } from '../onnx/graph.js';
import type { BlockProblem } from './problem.js';

/** The ModelProto of the block. Inputs `x` (images x tokens x hidden) and `MODULATION`; output `y`, as `x`. */
export function blockModel({ images, tokens, config, weights }: BlockProblem): Uint8Array {
  const graph = new OnnxGraph('block');
  const shape = [images, tokens, config.hiddenSize];
  const x = graph.input('x', shape);
  const modulation = MODULATION.map((name) => graph.input(name, [images, 1, config.hiddenSize]));
  const dit = new DiTGraph(graph, { config, images, tensor: (name) => weights.get(name)! });
  graph.output(dit.block(0, x, modulation, 'y'), shape);
  return graph.model();
}
