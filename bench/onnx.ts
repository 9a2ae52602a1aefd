/** The same product in onnxruntime, one thread: a graph of one MatMul with a constant right side. */
import { createRequire } from 'node:module';
import type { Product } from './kernels/case.js';
import { randomValues } from './kernels/compile.js';
import type { Contender } from './measure.js';
import { OnnxGraph } from './onnx/graph.js';

type Runtime = typeof import('onnxruntime-web');

export interface Rival {
  readonly contender: Contender;
  readonly kind: 'wasm' | 'native';
  release(): Promise<void>;
}

const PEERS = new URL('../../bench/peers/package.json', import.meta.url);

/** Those that are installed. */
export async function openRivals(product: Product): Promise<Rival[]> {
  const model = matMulModel(product);
  const web = await import('onnxruntime-web').catch(() => undefined);
  const rivals: Rival[] = [];
  if (web) {
    web.env.wasm.numThreads = 1;
    rivals.push(await open(web, 'wasm', 'onnxruntime-web, 1 thread', product, model));
  }
  const native = nativeRuntime();
  if (native) rivals.push(await open(native, 'native', 'onnxruntime-node, 1 thread', product, model));
  return rivals;
}

function nativeRuntime(): Runtime | undefined {
  // Since 1.29 it reports sessions and run times to its maker, unless told not to before it is loaded.
  process.env.ORT_DISABLE_TELEMETRY = '1';
  try {
    return createRequire(PEERS)('onnxruntime-node');
  } catch {
    return undefined;
  }
}

async function open(
  runtime: Runtime,
  kind: Rival['kind'],
  name: string,
  { rows, depth }: Product,
  model: Uint8Array,
): Promise<Rival> {
  const session = await runtime.InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const x = new runtime.Tensor('float32', randomValues(rows * depth), [rows, depth]);
  const run = async () => {
    await session.run({ x });
  };
  return { contender: { name, flops: 0, run }, kind, release: () => session.release() };
}

/** ModelProto of y = x w. */
function matMulModel({ rows, depth, columns }: Product): Uint8Array {
  const graph = new OnnxGraph('product');
  const x = graph.input('x', [rows, depth]);
  const w = graph.constant('w', [depth, columns], randomValues(depth * columns));
  graph.output(graph.node('MatMul', [x, w], {}, { output: 'y' }), [rows, columns]);
  return graph.model();
}
