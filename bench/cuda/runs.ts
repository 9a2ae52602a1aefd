/** Whole runs on a GPU: DDIM-50 of DiT-XL/2 with guidance, as a pipeline takes them; a line of JSON for each. */
import type { Device, DeviceWeights } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import { normals } from '../../src/diffusion/philox.js';
import { OutOfMemoryError } from '../../src/errors.js';
import { median } from '../../src/median.js';
import { type DiTConfig, namedConfig } from '../../src/models/dit/config.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import { labelsInTurn } from '../../src/models/network.js';
import { tokensOf } from '../../src/models/transformer/config.js';
import { openSession, takeSteps } from '../ddim50/ours.js';
import { type Policy, type RunProblem, runProblem, STEPS } from '../ddim50/problem.js';
import type { CudaCase } from './row.js';

export const RANK = 128;

/** Of latents: 256 and 1024 tokens. */
const SIZES = [32, 64];
const IMAGES = [2, 16, 64];

const POLICIES: readonly Policy[] = [
  { policy: 'none', period: 1 },
  { policy: 'reuse', period: 2 },
  { policy: 'calibrated', period: 2 },
  { policy: 'calibrated', period: 3 },
];

export interface RunLine extends CudaCase {
  readonly contender: 'incache';
  readonly milliseconds: number;
}

export interface RunsOptions {
  readonly config: DiTConfig;
  readonly images: readonly number[];
  readonly rank: number;
  /** Timed ones, after one that is not. */
  readonly repeats: number;
}

/** Every policy for every number of images; what the device has no memory for is said on stderr. */
export async function* timeRuns(device: Device, options: RunsOptions): AsyncGenerator<RunLine> {
  const { config, images, rank, repeats } = options;
  const base = runProblem(config, 1, rank);
  const weights = device.loadWeights({ read: (name) => base.tensor(name).data });
  for (const count of images) {
    const problem = withImages(base, count);
    for (const policy of POLICIES) {
      const line = runCase(policy, config, count, rank);
      try {
        yield {
          ...line,
          contender: 'incache',
          milliseconds: await timeRun(device, weights, problem, policy, repeats),
        };
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error;
        process.stderr.write(
          `${line.name}, ${line.sequences} sequences of ${line.tokens} tokens: ${error.message}\n`,
        );
      }
    }
  }
}

/** The same weights, which do not depend on images. */
function withImages(base: RunProblem, images: number): RunProblem {
  const { inChannels, inputSize } = base.config;
  const labels = labelsInTurn(ditNetwork(base.config), images);
  return { ...base, labels, noise: normals(1, 0, 0, images * inChannels * inputSize ** 2) };
}

export function runCase(
  { policy, period }: Policy,
  config: DiTConfig,
  images: number,
  rank: number,
): CudaCase {
  return {
    level: 'run',
    name: policy === 'none' ? 'full' : `${policy} p = ${period}`,
    shape: '',
    sequences: 2 * images,
    tokens: tokensOf(config),
    rank: policy === 'calibrated' ? rank : 0,
  };
}

async function timeRun(
  device: Device,
  weights: DeviceWeights,
  problem: RunProblem,
  policy: Policy,
  repeats: number,
): Promise<number> {
  using session = await openSession(problem, policy, device, weights);
  const times: number[] = [];
  for (let i = -1; i < repeats; i++) {
    const start = performance.now();
    await takeSteps(problem, session, STEPS);
    if (i >= 0) times.push(performance.now() - start);
  }
  return median(times);
}

/** Undefined for all. */
export interface ChosenRuns {
  readonly tokens?: number | undefined;
  readonly images?: number | undefined;
}

export async function main({ tokens, images }: ChosenRuns): Promise<void> {
  const counts = IMAGES.filter((count) => images === undefined || count === images);
  for (const inputSize of SIZES) {
    const config = namedConfig('DiT-XL/2', inputSize);
    if (tokens !== undefined && tokensOf(config) !== tokens) continue;
    const device = await openDevice('cuda', { weights: 'bf16' });
    try {
      for await (const line of timeRuns(device, { config, images: counts, rank: RANK, repeats: 3 }))
        console.log(JSON.stringify(line));
    } finally {
      await device.dispose();
    }
  }
}
