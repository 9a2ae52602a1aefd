/** The same product in onnxruntime-web, one thread: a graph of one MatMul with a constant right side. */
import type { KernelCase } from './kernels/case.js';
import type { Contender } from './measure.js';
import { OnnxGraph } from './onnx/graph.js';

/** A contender, or undefined where onnxruntime-web is not installed. */
export async function onnxProduct(
  { rows, depth, columns }: NonNullable<KernelCase['product']>,
  flops: number,
): Promise<Contender | undefined> {
  const ort = await import('onnxruntime-web').catch(() => undefined);
  if (!ort) return undefined;
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(matMulModel(rows, depth, columns));
  const x = new ort.Tensor('float32', random(rows * depth), [rows, depth]);
  return {
    name: 'onnxruntime-web, 1 thread',
    flops,
    run: async () => {
      await session.run({ x });
    },
  };
}

function random(count: number): Float32Array {
  return Float32Array.from({ length: count }, () => Math.random() - 0.5);
}

/** ModelProto of y = x w. */
function matMulModel(rows: number, depth: number, columns: number): Uint8Array {
  const graph = new OnnxGraph('product');
  const x = graph.input('x', [rows, depth]);
  const w = graph.constant('w', [depth, columns], random(depth * columns));
  graph.output(graph.node('MatMul', [x, w], {}, { output: 'y' }), [rows, columns]);
  return graph.model();
}
