/** The same product in onnxruntime, one thread: a graph of one MatMul with a constant right side. */
import { randomValues } from '../../src/bench/compile.js';
import type { Contender } from '../../src/bench/measure.js';
import { OnnxGraph } from '../onnx/graph.js';
import { onnxruntimeNode, onnxruntimeWeb, openModel, type Runtime } from '../onnx/runtime.js';
import { absentPeer } from '../peer.js';
import type { Product } from './case.js';

export interface Rival {
  readonly contender: Contender;
  readonly kind: 'wasm' | 'native';
  release(): Promise<void>;
}

/** Those that are installed. */
export async function openRivals(product: Product): Promise<Rival[]> {
  const model = matMulModel(product);
  const rivals: Rival[] = [];
  for (const [name, kind, load] of [
    ['onnxruntime-web', 'wasm', () => onnxruntimeWeb(1)],
    ['onnxruntime-node', 'native', onnxruntimeNode],
  ] as const) {
    const runtime = await loaded(name, load);
    if (runtime) rivals.push(await open(runtime, kind, `${name}, 1 thread`, product, model));
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
  { rows, depth }: Product,
  bytes: Uint8Array,
): Promise<Rival> {
  const x = { data: randomValues(rows * depth), shape: [rows, depth] };
  const model = await openModel(runtime, bytes, { x }, 1);
  return { contender: { name, flops: 0, run: model.run }, kind, release: model.dispose };
}

/** ModelProto of y = x w. */
function matMulModel({ rows, depth, columns }: Product): Uint8Array {
  const graph = new OnnxGraph('product');
  const x = graph.input('x', [rows, depth]);
  const w = graph.constant('w', [depth, columns], randomValues(depth * columns));
  graph.output(graph.node('MatMul', [x, w], {}, { output: 'y' }), [rows, columns]);
  return graph.model();
}
