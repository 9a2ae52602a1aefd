import { outChannels, tableWidth } from '../../src/models/transformer/config.js';
import { DiTGraph } from '../onnx/ditGraph.js';
import { OnnxGraph } from '../onnx/graph.js';
import type { RunProblem, StepInputs } from './problem.js';

/**
 * The ModelProto of a whole step: patches, every block, the final layer. Inputs `latents` and `modulation` (`StepInputs`);
 * output `y`, sequences x out channels x height x width.
 */
export function stepModel({ config, tensor }: RunProblem, inputs: StepInputs): Uint8Array {
  const { hiddenSize, depth, inputSize } = config;
  const [images] = inputs.latents.shape as [number];
  const graph = new OnnxGraph('step');
  const latents = graph.input('latents', inputs.latents.shape);
  const modulation = graph.input('modulation', [images, 1, tableWidth(config)]);
  const vectors = graph.split(modulation, 2, tableWidth(config) / hiddenSize);
  const dit = new DiTGraph(graph, { config, images, tensor });
  let x = dit.tokens(latents);
  for (let block = 0; block < depth; block++)
    x = dit.block(block, x, vectors.slice(6 * block, 6 * block + 6));
  const [shift, scale] = vectors.slice(-2) as [string, string];
  const y = dit.finalLayer(x, shift, scale, 'y');
  graph.output(y, [images, outChannels(config), inputSize, inputSize]);
  return graph.model();
}
