/** The same product in onnxruntime, one thread: a graph of one node with constant weights. */
import { randomValues } from '../../src/bench/compile.js';
import type { Contender } from '../../src/bench/measure.js';
import { OnnxGraph } from '../onnx/graph.js';
import { openModel, type Runtime } from '../onnx/openModel.js';
import { onnxruntimeNode, onnxruntimeWeb } from '../onnx/runtime.js';
import { absentPeer } from '../peer.js';
import type { RivalModel } from './case.js';

export interface Rival {
  readonly contender: Contender;
  readonly kind: 'wasm' | 'native';
  release(): Promise<void>;
}

/** Those that are installed. */
export async function openRivals(model: RivalModel): Promise<Rival[]> {
  const rivals: Rival[] = [];
  for (const [name, kind, load] of [
    ['onnxruntime-web', 'wasm', () => onnxruntimeWeb(1)],
    ['onnxruntime-node', 'native', onnxruntimeNode],
  ] as const) {
    const runtime = await loaded(name, load);
    if (runtime) rivals.push(await open(runtime, kind, `${name}, 1 thread`, model));
  }
  return rivals;
}

async function loaded(name: string, load: () => Runtime | Promise<Runtime>): Promise<Runtime | undefined> {
  try {
    return await load();
  } catch (error) {
    absentPeer(name, error);
    return undefined;
  }
}

async function open(
  runtime: Runtime,
  kind: Rival['kind'],
  name: string,
  { shape, bytes }: RivalModel,
): Promise<Rival> {
  const x = { data: randomValues(shape.reduce((a, b) => a * b)), shape };
  const model = await openModel(runtime, bytes, { x }, 1);
  return { contender: { name, flops: 0, run: model.run }, kind, release: model.dispose };
}

/** y = x w, `rows` x `depth` by `depth` x `columns`. */
export function matMulModel(rows: number, depth: number, columns: number): RivalModel {
  const graph = new OnnxGraph('product');
  const x = graph.input('x', [rows, depth]);
  const w = graph.constant('w', [depth, columns], randomValues(depth * columns));
  graph.output(graph.node('MatMul', [x, w], {}, { output: 'y' }), [rows, columns]);
  return { shape: [rows, depth], bytes: graph.model() };
}

/** A 3 x 3 convolution that keeps the size of an image of `size` pixels down and across. */
export function convolutionModel(size: number, inputs: number, outputs: number): RivalModel {
  const graph = new OnnxGraph('convolution');
  const shape = [1, inputs, size, size];
  const x = graph.input('x', shape);
  const w = graph.constant('w', [outputs, inputs, 3, 3], randomValues(outputs * inputs * 9));
  const bias = graph.constant('bias', [outputs], randomValues(outputs));
  const sizes = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  graph.output(graph.node('Conv', [x, w, bias], sizes, { output: 'y' }), [1, outputs, size, size]);
  return { shape, bytes: graph.model() };
}
