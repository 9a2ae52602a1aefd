/** onnxruntime as a peer. */
import { openModel, type Runtime } from '../onnx/openModel.js';
import { onnxruntimeNode, onnxruntimeWeb } from '../onnx/runtime.js';
import { type Absent, absentPeer } from '../peer.js';
import { type BlockContender, TOLERANCE } from './contender.js';
import { modelInputs } from './modelInputs.js';
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
  const model = await openModel(runtime, blockModel(problem), modelInputs(problem), own.threads);
  return { ...own, flops: blockFlops(problem, 'compute'), tolerance: TOLERANCE.f32, ...model };
}
