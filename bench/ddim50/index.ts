import { type DiTConfig, namedConfig } from '../../src/models/dit/config.js';
import { type Absent, present } from '../peer.js';
import type { Opened } from './contender.js';
import { measureRuns, type RunTurns } from './measure.js';
import { stepModel } from './onnxModel.js';
import { ours, secondStepInputs } from './ours.js';
import { onnxSteps, torchSteps } from './peers.js';
import { type RunProblem, runProblem } from './problem.js';
import type { RunRow } from './row.js';

const SIZE = 'DiT-S/2';
const IMAGES = 2;
/** A ninth of the hidden size, as 128 is of DiT-XL's. */
const RANK = 42;
const THREADS = [1, 2];
const TURNS: RunTurns = { rounds: 5, turnSteps: 6 };

/** Whole DDIM-50 runs of a DiT-S/2 with every cache policy, and of peers without one. */
export async function ddim50() {
  const rows = await ddim50Rows(namedConfig(SIZE), THREADS, TURNS);
  const text = [
    `DDIM-50 of ${SIZE}, random weights, ${IMAGES} images with guidance, r = ${RANK} unless it is named; contenders in turn, medians of ${TURNS.rounds} rounds.`,
    `A turn is the first ${TURNS.turnSteps} steps of a run, and the time of all fifty follows from them: the steps of one plan cost the same. "In one go" was run from the first step to the last, once.`,
    'Peers are given the modulation of their steps, and neither that nor the sampler counts for them; WebAssembly runs on the most threads alone. "Floor" is the multiply-adds at the rate of the loop.',
  ].join('\n');
  return { text, rows };
}

/** On each number of threads; WebAssembly, which is slow, on the most alone. */
export async function ddim50Rows(
  config: DiTConfig,
  threads: readonly number[],
  turns: RunTurns,
): Promise<RunRow[]> {
  const opened = present(await open(runProblem(config, IMAGES, RANK), threads));
  try {
    const contenders = opened.flatMap(({ contenders }) => contenders);
    return await measureRuns(contenders, turns);
  } finally {
    for (const one of opened) await one[Symbol.asyncDispose]();
  }
}

async function open(problem: RunProblem, threads: readonly number[]): Promise<(Opened | Absent)[]> {
  const inputs = await secondStepInputs(problem);
  const model = stepModel(problem, inputs);
  const opened: (Opened | Absent)[] = [];
  for (const count of threads) {
    for (const weights of ['f32', 'bf16'] as const)
      opened.push(await ours(problem, 'native', { threads: count, weights }));
    opened.push(await onnxSteps(problem, inputs, model, 'native', count));
    for (const precision of ['f32', 'bf16'] as const)
      opened.push(await torchSteps(problem, inputs, count, precision));
  }
  const most = Math.max(...threads);
  opened.push(await ours(problem, 'wasm', { threads: most, weights: 'f32' }));
  opened.push(await onnxSteps(problem, inputs, model, 'wasm', most));
  return opened;
}
