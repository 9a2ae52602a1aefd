/** onnxruntime as a peer. */
import { MODULATION } from '../onnx/ditGraph.js';
import { onnxruntimeNode, onnxruntimeWeb, openModel, type Runtime } from '../onnx/runtime.js';
import { type Absent, absentPeer } from '../peer.js';
import { columns, type Tensor } from '../tensor.js';
import { type BlockContender, TOLERANCE } from './contender.js';
import { blockModel } from './onnxModel.js';
import { blockFlops } from './ours.js';
import type { BlockProblem } from './problem.js';

export const ONNXRUNTIME_NODE = 'onnxruntime-node';
export const ONNXRUNTIME_WEB = 'onnxruntime-web';

export async function onnxNodeBlock(
  problem: BlockProblem,
  threads: number,
): Promise<BlockContender | Absent> {
  const name = ONNXRUNTIME_NODE;
  try {
    return await contender(problem, onnxruntimeNode(), { name, threads, loop: 'native f32' });
  } catch (error) {
    return absentPeer(name, error);
  }
}

export async function onnxWebBlock(problem: BlockProblem, threads: number): Promise<BlockContender | Absent> {
  const name = ONNXRUNTIME_WEB;
  try {
    return await contender(problem, await onnxruntimeWeb(threads), { name, threads, loop: 'wasm' });
  } catch (error) {
    return absentPeer(name, error, 'npm ci');
  }
}

async function contender(
  problem: BlockProblem,
  runtime: Runtime,
  own: Pick<BlockContender, 'name' | 'threads' | 'loop'>,
): Promise<BlockContender> {
  const model = await openModel(runtime, blockModel(problem), inputs(problem), own.threads);
  return { ...own, flops: blockFlops(problem, 'compute'), tolerance: TOLERANCE.f32, ...model };
}

function inputs({ config, images, tokens, x, modulation }: BlockProblem): Record<string, Tensor> {
  const c = config.hiddenSize;
  const vectors = MODULATION.map((name, i) => [name, columns(modulation, images, i * c, c)]);
  return { x: { data: x.data, shape: [images, tokens, c] }, ...Object.fromEntries(vectors) };
}
