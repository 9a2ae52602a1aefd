/**
 * Times every contender on one number of threads: `node onThreads.js THREADS OPTIONS` (JSON) writes the rows as JSON to
 * standard output. Nobody is timed before the output is right.
 */
import { setFlagsFromString } from 'node:v8';
import { type Contender, interleave, type Times } from '../../src/bench/measure.js';
import { differences } from '../agreement.js';
import type { Timed } from '../loopShare.js';
import { openLoops } from '../loops.js';
import { present } from '../peer.js';
import type { BlockContender } from './contender.js';
import { gpuJs } from './gpuJs.js';
import { ONNXRUNTIME_NODE, ONNXRUNTIME_WEB, onnxNodeBlock, onnxWebBlock } from './onnxruntime.js';
import type { BlockOptions } from './options.js';
import { ours } from './ours.js';
import { blockProblem } from './problem.js';
import { type BlockRow, blockRow, type Rivals } from './row.js';
import { TFJS, tfjs } from './tfjs.js';
import { torchBlock } from './torch.js';

/** Longer than the threads of onnxruntime-node spin after a run (measured: 28 ms). */
const PAUSE = 60;

// Node.js 20 has relaxed SIMD behind a flag; later ones have it anyway.
setFlagsFromString('--experimental-wasm-relaxed-simd');

const options: BlockOptions = JSON.parse(process.argv[3]!);
const turns = { ...(options.quick ? { rounds: 3, warmUp: 1 } : { rounds: 7, warmUp: 3 }), pause: PAUSE };

const contenders = await open(Number(process.argv[2]));
const errors = await check(contenders);
process.stdout.write(JSON.stringify(await measure(contenders, errors)));
await Promise.all(contenders.map((contender) => contender.dispose()));

/** Those present, ours first; says of the others why they are not. */
async function open(threads: number): Promise<BlockContender[]> {
  const problem = blockProblem(options.model);
  const oursOf = async (kind: 'compute' | 'calibrate') => [
    await ours(problem, 'native', { threads, weights: 'f32' }, kind),
    await ours(problem, 'native', { threads, weights: 'bf16' }, kind),
    await ours(problem, 'wasm', { threads, weights: 'f32' }, kind),
  ];
  const contenders = [
    ...(await oursOf('compute')),
    await onnxNodeBlock(problem, threads),
    await onnxWebBlock(problem, threads),
    await tfjs(problem, threads),
    ...(options.slowPeers ? [await gpuJs(problem, threads)] : []),
    await torchBlock(problem, threads, 'f32'),
    await torchBlock(problem, threads, 'bf16'),
    ...(await oursOf('calibrate')),
  ];
  return present(contenders);
}

async function check(contenders: readonly BlockContender[]): Promise<number[]> {
  const outputs: Float32Array[] = [];
  for (const contender of contenders) outputs.push(await contender.output());
  return differences(contenders, outputs);
}

/** They compute the block in full: of a calibrated one there are none. */
function rivalsOf(
  { loop, replaces }: BlockContender,
  contenders: readonly BlockContender[],
  named: (name: string | undefined) => Timed | undefined,
): Rivals {
  if (replaces) return {};
  const overOnnx = named(ONNXRUNTIME_NODE);
  if (loop === 'wasm') return { overOnnx, overWeb: named(ONNXRUNTIME_WEB), overTfjs: named(TFJS) };
  const torch = contenders.find((other) => other.name.startsWith('PyTorch') && other.loop === loop);
  return { overOnnx, overTorch: named(torch?.name) };
}

async function measure(
  contenders: readonly BlockContender[],
  errors: readonly number[],
): Promise<BlockRow[]> {
  const loops = await openLoops();
  const loopList = Object.values(loops);
  const taken = new Map<Contender, Times>();
  const inTurn = [...loopList, ...contenders.filter(({ isSlow }) => !isSlow)];
  for (const [i, times] of (await interleave(inTurn, turns)).entries()) taken.set(inTurn[i]!, times);
  // Their check has been a run to warm up.
  for (const slow of contenders.filter(({ isSlow }) => isSlow))
    taken.set(slow, (await interleave([slow], { rounds: 1, warmUp: 0 }))[0]!);
  const named = (name: string | undefined): Timed | undefined => {
    const i = contenders.findIndex((contender) => contender.name === name);
    return i < 0 ? undefined : { contender: contenders[i]!, times: taken.get(contenders[i]!)! };
  };
  const rows = contenders.map((contender, i) => {
    const loop = loops[contender.loop];
    return blockRow({
      contender,
      times: taken.get(contender)!,
      error: errors[i]!,
      loop: loop && { contender: loop, times: taken.get(loop)! },
      rivals: rivalsOf(contender, contenders, named),
      full: named(contender.replaces),
    });
  });
  return Promise.all(rows);
}
