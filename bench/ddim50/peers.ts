/**
 * What others make of the same steps, none of them with a cache. The modulation of a step is handed to them, and neither
 * its making nor the sampler's arithmetic is counted; of ours both are.
 */
import { openModel, type Runtime } from '../onnx/openModel.js';
import { onnxruntimeNode, onnxruntimeWeb } from '../onnx/runtime.js';
import { type Absent, absentPeer } from '../peer.js';
import type { Tensor } from '../tensor.js';
import { openTorch } from '../torch/process.js';
import { type Opened, type RunContender, TOLERANCE } from './contender.js';
import { type RunProblem, runPlan, STEPS, type StepInputs } from './problem.js';

export const ONNXRUNTIME = { native: 'onnxruntime-node', wasm: 'onnxruntime-web' } as const;

/** `model`: what `stepModel` gave. */
export async function onnxSteps(
  problem: RunProblem,
  inputs: StepInputs,
  model: Uint8Array,
  kind: 'native' | 'wasm',
  threads: number,
): Promise<Opened | Absent> {
  const name = ONNXRUNTIME[kind];
  let runtime: Runtime;
  try {
    runtime = kind === 'native' ? onnxruntimeNode() : await onnxruntimeWeb(threads);
  } catch (error) {
    return absentPeer(name, error, kind === 'native' ? undefined : 'npm ci');
  }
  const { latents, modulation } = inputs;
  const [images, width] = modulation.shape as [number, number];
  const rows: Tensor = { shape: [images, 1, width], data: modulation.data };
  const { run, output, dispose } = await openModel(runtime, model, { latents, modulation: rows }, threads);
  const contender: RunContender = {
    ...peer(problem, name, threads),
    loop: kind === 'native' ? 'native f32' : 'wasm',
    tolerance: TOLERANCE.f32,
    take: (steps) =>
      repeat(steps, async () => {
        const start = performance.now();
        await run();
        return performance.now() - start;
      }),
    prediction: output,
  };
  return { name, contenders: [contender], [Symbol.asyncDispose]: dispose };
}

export async function torchSteps(
  problem: RunProblem,
  { latents, modulation }: StepInputs,
  threads: number,
  precision: 'f32' | 'bf16',
): Promise<Opened | Absent> {
  const { config, tensor } = problem;
  const weights = weightNames(problem).map((name): [string, Tensor] => [name, tensor(name)]);
  const given: [string, Tensor][] = [...weights, ['latents', latents], ['modulation', modulation]];
  const images = latents.shape[0]!;
  const torch = await openTorch(given, { what: 'step', images, heads: config.heads, threads, precision });
  if (typeof torch === 'string') return { name: `PyTorch ${precision}`, absent: torch };
  const name = `PyTorch ${torch.version} ${precision}`;
  const contender: RunContender = {
    ...peer(problem, name, threads),
    loop: `native ${precision}`,
    tolerance: TOLERANCE[precision],
    take: (steps) => repeat(steps, torch.timedRun),
    prediction: torch.output,
  };
  return { name, contenders: [contender], [Symbol.asyncDispose]: torch.dispose };
}

/** The weights of a step, conditioning apart. */
function weightNames(problem: RunProblem): string[] {
  const [plan] = runPlan(problem, { policy: 'none', period: 1 }, 'f32').plans;
  return plan!.buffers.filter(({ role }) => role === 'weight').map(({ name }) => name);
}

function peer(problem: RunProblem, name: string, threads: number) {
  const { stepMacs } = runPlan(problem, { policy: 'none', period: 1 }, 'f32');
  return { name, threads, isPeer: true, flops: 2 * stepMacs, planOfStep: Array<number>(STEPS).fill(0) };
}

async function repeat<T>(count: number, run: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  while (results.length < count) results.push(await run());
  return results;
}
