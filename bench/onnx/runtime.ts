/** onnxruntime: its native library (onnxruntime-node) and its WebAssembly build (onnxruntime-web). */
import { requirePeer } from '../peer.js';
import type { Tensor } from '../tensor.js';

/** Both packages have this interface. */
export type Runtime = typeof import('onnxruntime-web');

/** A model of one output, `y`, on fixed inputs. */
export interface Model {
  run(): Promise<void>;
  output(): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Throws with code MODULE_NOT_FOUND where it is not installed. */
export function onnxruntimeNode(): Runtime {
  // Since 1.29 it reports sessions and run times to its maker, unless told not to before it is loaded.
  process.env.ORT_DISABLE_TELEMETRY = '1';
  return requirePeer('onnxruntime-node') as Runtime;
}

/**
 * Its threads are fixed for good when the first session is made: one number of them a process.
 * Throws with code ERR_MODULE_NOT_FOUND where it is not installed.
 */
export async function onnxruntimeWeb(threads: number): Promise<Runtime> {
  const runtime = await import('onnxruntime-web');
  runtime.env.wasm.numThreads = threads;
  return runtime;
}

/** `model`: a ModelProto whose inputs have the names of `inputs`. */
export async function openModel(
  runtime: Runtime,
  model: Uint8Array,
  inputs: Readonly<Record<string, Tensor>>,
  threads: number,
): Promise<Model> {
  const session = await runtime.InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { data, shape }]) => [
      name,
      new runtime.Tensor('float32', data, [...shape]),
    ]),
  );
  return {
    run: async () => {
      await session.run(feeds);
    },
    output: async () => (await session.run(feeds)).y!.data as Float32Array,
    dispose: () => session.release(),
  };
}
