/** onnxruntime as a peer: its native library (onnxruntime-node) and its WebAssembly build (onnxruntime-web). */
import { type Absent, type BlockContender, TOLERANCE } from './contender.js';
import { blockModel, MODULATION } from './onnxModel.js';
import { blockFlops } from './ours.js';
import { absentPeer, requirePeer } from './peer.js';
import { type BlockProblem, columns } from './problem.js';

/** Both packages have this interface. */
type Runtime = typeof import('onnxruntime-web');

export const ONNXRUNTIME_NODE = 'onnxruntime-node';

export async function onnxruntimeNode(
  problem: BlockProblem,
  threads: number,
): Promise<BlockContender | Absent> {
  const name = ONNXRUNTIME_NODE;
  // Since 1.29 it reports sessions and run times to its maker, unless told not to before it is loaded.
  process.env.ORT_DISABLE_TELEMETRY = '1';
  try {
    const runtime = requirePeer(name) as Runtime;
    return await contender(problem, runtime, { name, threads, loop: 'native f32' });
  } catch (error) {
    return absentPeer(name, error);
  }
}

/** Its threads are fixed for good when the first session is made: one number of them a process. */
export async function onnxruntimeWeb(
  problem: BlockProblem,
  threads: number,
): Promise<BlockContender | Absent> {
  const name = 'onnxruntime-web';
  try {
    const runtime = await import('onnxruntime-web');
    runtime.env.wasm.numThreads = threads;
    return await contender(problem, runtime, { name, threads, loop: 'wasm' });
  } catch (error) {
    return absentPeer(name, error, 'npm ci');
  }
}

async function contender(
  problem: BlockProblem,
  runtime: Runtime,
  own: Pick<BlockContender, 'name' | 'threads' | 'loop'>,
): Promise<BlockContender> {
  const session = await runtime.InferenceSession.create(blockModel(problem), {
    intraOpNumThreads: own.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const feeds = inputs(problem, runtime);
  return {
    ...own,
    flops: blockFlops(problem, 'compute'),
    tolerance: TOLERANCE.f32,
    run: async () => {
      await session.run(feeds);
    },
    output: async () => (await session.run(feeds)).y!.data as Float32Array,
    dispose: () => session.release(),
  };
}

function inputs({ config, images, tokens, x, modulation }: BlockProblem, { Tensor }: Runtime) {
  const c = config.hiddenSize;
  const inputs = MODULATION.map((name, i) => {
    const { data, shape } = columns(modulation, images, i * c, c);
    return [name, new Tensor('float32', data, [...shape])];
  });
  return { x: new Tensor('float32', x.data, [images, tokens, c]), ...Object.fromEntries(inputs) };
}
