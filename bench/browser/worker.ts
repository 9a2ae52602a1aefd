/** In one worker of a page: a block of a DiT by our kernels and by onnxruntime-web's, in turns. Answers with times. */
import { interleave, type Times } from '../../src/bench/measure.js';
import type { MessageScope } from '../../src/platform/types.js';
import { differences } from '../agreement.js';
import { type BlockContender, TOLERANCE } from '../block/contender.js';
import { modelInputs } from '../block/modelInputs.js';
import { blockModel } from '../block/onnxModel.js';
import { blockFlops, ours } from '../block/ours.js';
import { blockProblem } from '../block/problem.js';
import { openModel, type Runtime } from '../onnx/openModel.js';

/** Milliseconds until the other package's threads have gone to sleep. */
const PAUSE = 60;

export interface BlockRequest {
  readonly model: string;
  readonly threads: number;
  readonly rounds: number;
  /** Where onnxruntime-web is. */
  readonly runtime: string;
}

export interface BlockAnswer {
  readonly name: string;
  readonly threads: number;
  readonly replaces?: string | undefined;
  readonly error: number;
  readonly times: Times;
}

const scope = globalThis as unknown as MessageScope;
scope.onmessage = async ({ data }) => {
  try {
    scope.postMessage({ rows: await measure(data as BlockRequest) });
  } catch (error) {
    scope.postMessage({ error: (error as Error).stack ?? String(error) });
  }
};

async function measure({ model, threads, rounds, runtime }: BlockRequest): Promise<BlockAnswer[]> {
  const problem = blockProblem(model);
  const web = (await import(`${runtime}ort.wasm.min.mjs`)) as Runtime;
  Object.assign(web.env.wasm, { numThreads: threads, wasmPaths: runtime });
  const peer: BlockContender = {
    name: 'onnxruntime-web',
    threads,
    loop: 'wasm',
    flops: blockFlops(problem, 'compute'),
    tolerance: TOLERANCE.f32,
    ...(await openModel(web, blockModel(problem), modelInputs(problem), threads)),
  };
  const own = async (kind: 'compute' | 'calibrate') =>
    (await ours(problem, 'wasm', { threads, weights: 'f32' }, kind)) as BlockContender;
  const contenders = [await own('compute'), peer, await own('calibrate')];
  const outputs: Float32Array[] = [];
  for (const contender of contenders) outputs.push(await contender.output());
  const errors = differences(contenders, outputs);
  const times = await interleave(contenders, { rounds, warmUp: 3, pause: PAUSE });
  for (const contender of contenders) await contender.dispose();
  return contenders.map(({ name, threads, replaces }, i) => ({
    name,
    threads,
    replaces,
    error: errors[i]!,
    times: times[i]!,
  }));
}
