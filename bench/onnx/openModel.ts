/** A model on either build of onnxruntime. */
import type { Tensor } from '../tensor.js';

/** Both packages have this interface. */
export type Runtime = typeof import('onnxruntime-web');

/** A model of one output, `y`, on fixed inputs. */
export interface Model {
  run(): Promise<void>;
  output(): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** `model`: a ModelProto whose inputs have the names of `inputs`. */
export async function openModel(
  runtime: Runtime,
  model: Uint8Array,
  inputs: Readonly<Record<string, Tensor>>,
  threads: number,
  executionProviders?: readonly string[],
): Promise<Model> {
  const session = await runtime.InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    ...(executionProviders && { executionProviders }),
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
