/** The block as an ONNX model, on either build of onnxruntime. Keys and values of the text are inputs: we make them once too. */

import { TOLERANCE } from '../block/contender.js';
import { DiTGraph, MODULATION } from '../onnx/ditGraph.js';
import { OnnxGraph } from '../onnx/graph.js';
import { openModel, type Runtime } from '../onnx/openModel.js';
import { onnxruntimeNode, onnxruntimeWeb } from '../onnx/runtime.js';
import { type Absent, absentPeer } from '../peer.js';
import { columns, type Tensor } from '../tensor.js';
import { policyFlops, type TextBlockContender } from './ours.js';
import type { TextBlockProblem } from './problem.js';

export const PEERS = { native: 'onnxruntime-node', wasm: 'onnxruntime-web' } as const;

const TEXT = ['keys', 'values'] as const;

/** Inputs `x` (sequences x tokens x hidden), `MODULATION` and `TEXT`; output `y`, as `x`. */
export function textBlockModel({ config, sequences, tensors, x }: TextBlockProblem): Uint8Array {
  const graph = new OnnxGraph('textBlock');
  const { hiddenSize: c, captionTokens } = config;
  const shape = [sequences, x.shape[0]! / sequences, c];
  const stream = graph.input('x', shape);
  const modulation = MODULATION.map((name) => graph.input(name, [sequences, 1, c]));
  const [keys, values] = TEXT.map((name) => graph.input(name, [sequences, captionTokens, c])) as [
    string,
    string,
  ];
  const dit = new DiTGraph(graph, { config, images: sequences, tensor: (name) => tensors.get(name)! });
  graph.output(dit.textBlock(0, stream, modulation, [keys, values], 'y'), shape);
  return graph.model();
}

export function modelInputs({
  config,
  sequences,
  x,
  modulation,
  text,
}: TextBlockProblem): Record<string, Tensor> {
  const { hiddenSize: c, captionTokens } = config;
  const vectors = MODULATION.map((name, i) => [name, columns(modulation, sequences, i * c, c)]);
  const parts = TEXT.map((name, i) => {
    const { data } = columns(text, sequences * captionTokens, i * c, c);
    return [name, { data, shape: [sequences, captionTokens, c] }];
  });
  const shape = [sequences, x.shape[0]! / sequences, c];
  return { x: { data: x.data, shape }, ...Object.fromEntries([...vectors, ...parts]) };
}

export async function peer(
  problem: TextBlockProblem,
  loop: keyof typeof PEERS,
  threads: number,
): Promise<TextBlockContender | Absent> {
  const name = PEERS[loop];
  try {
    const runtime: Runtime = loop === 'native' ? onnxruntimeNode() : await onnxruntimeWeb(threads);
    const model = await openModel(runtime, textBlockModel(problem), modelInputs(problem), threads);
    return {
      ...{ name, threads, steps: 1, flops: policyFlops(problem, 'full'), tolerance: TOLERANCE.f32 },
      loop: loop === 'native' ? 'native f32' : 'wasm',
      ...model,
    };
  } catch (error) {
    return loop === 'wasm' ? absentPeer(name, error, 'npm ci') : absentPeer(name, error);
  }
}
