import { describe, test } from 'node:test';
import type { WeightSource } from '../../src/backend/backend.js';
import { probeBackends } from '../../src/backend/choose.js';
import type { FactorMethod } from '../../src/calibrate/factors.js';
import { splitPrediction } from '../../src/diffusion/prediction.js';
import { createSampler } from '../../src/diffusion/sampler.js';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import type { CacheForm } from '../../src/models/layers/actions.js';
import type { SafetensorsFile } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';
import { openDenoiser, periodic } from '../support/denoiser.js';
import { goldenFiles, goldenFolder, openGolden, requireKind, toleranceOf } from '../support/golden.js';
import { goldenFactors } from '../support/goldenFactors.js';

const STEP_TOLERANCE = 1e-4;
const TRAJECTORY_TOLERANCE = 1e-3;

const NAME = /^icc-(\w+)\.(svd|ca|cd|cd_i|cd_o)-r(\d+)\.safetensors$/;
const files = goldenFiles(NAME);

requireKind('cached runs', files);

const present = await probeBackends();

for (const file of files) {
  const [, model, method, rank] = NAME.exec(file)! as unknown as [string, string, FactorMethod, string];
  const golden = openGolden(file);
  const checkpoint = new DenoiserCheckpoint(`${goldenFolder()}/dit-${model}.weights.safetensors`);
  const sensitivity = openGolden(`icc-${model}.sensitivity.safetensors`);
  // The same for every backend.
  const factors = goldenFactors(checkpoint, sensitivity, method, Number(rank));
  for (const { name: backend, available, detail } of present) {
    describe(`${file} on ${backend}`, { skip: available ? false : detail }, () => {
      const run = {
        file,
        backend,
        checkpoint,
        golden,
        weights: mergedSource(checkpoint, factors),
        rank: Number(rank),
      };

      test('one full, then one reused step', () =>
        twoSteps({ ...run, scatter: 'reuse', expected: 'out_reuse' }));
      for (const form of ['input', 'rank'] as const)
        test(`one full, then one calibrated step, ${form} form`, () =>
          twoSteps({ ...run, scatter: 'calibrate', form, expected: 'out_inc' }));
      for (const trajectory of golden.tensors.keys()) {
        const [, period, kind] = /^ddim\d+_p(\d+)_(inc|reuse)$/.exec(trajectory) ?? [];
        if (period === undefined) continue;
        test(trajectory, () =>
          followTrajectory({
            ...run,
            scatter: kind === 'inc' ? 'calibrate' : 'reuse',
            expected: trajectory,
            period: Number(period),
          }),
        );
      }
    });
  }
}

interface Run {
  /** Of the golden folder; `golden` is that file. */
  readonly file: string;
  readonly backend: string;
  readonly checkpoint: DenoiserCheckpoint;
  readonly golden: SafetensorsFile;
  readonly weights: WeightSource;
  readonly rank: number;
  readonly scatter: 'reuse' | 'calibrate';
  readonly form?: CacheForm;
  /** Tensor of the golden file that holds the outcome. */
  readonly expected: string;
}

async function twoSteps(run: Run): Promise<void> {
  const tolerance = toleranceOf(run.file, STEP_TOLERANCE);
  const { golden } = run;
  const labels = golden.readIntegers('y');
  const denoiser = await open(run, labels.length, 2, 2);
  try {
    const full = await denoiser.evaluate(0, golden.read('x_full'), golden.readIntegers('t_full'), labels);
    assertClose(full, golden.read('out_full'), tolerance, 'out_full');
    const cached = await denoiser.evaluate(1, golden.read('x_inc'), golden.readIntegers('t_inc'), labels);
    assertClose(cached, golden.read(run.expected), tolerance, run.expected);
  } finally {
    await denoiser.dispose();
  }
}

async function followTrajectory(run: Run & { period: number }): Promise<void> {
  const { golden, checkpoint } = run;
  const { latents: shape, predicts } = checkpoint.network;
  const [steps, images] = golden.tensors.get(run.expected)!.shape as [number, number];
  const expected = golden.read(run.expected);
  const latents = golden.read(`${/^ddim\d+/.exec(run.expected)![0]}_z`);
  const labels = golden.readIntegers('y');
  const sampler = createSampler('ddim', { steps });
  const sampling = sampler.start(() => new Float32Array(0));
  const denoiser = await open(run, images, steps, run.period);
  const geometry = {
    images,
    channels: shape.channels,
    pixels: shape.height * shape.width,
    learnSigma: predicts.variance,
  };
  try {
    for (const [step, timestep] of sampler.timesteps.entries()) {
      const output = await denoiser.evaluate(
        step,
        latents,
        labels.map(() => timestep),
        labels,
      );
      sampling.advance(step, latents, splitPrediction(output, geometry));
      const sample = expected.subarray(step * latents.length, (step + 1) * latents.length);
      assertClose(
        latents,
        sample,
        toleranceOf(run.file, TRAJECTORY_TOLERANCE),
        `${run.expected} after step ${step}`,
      );
    }
  } finally {
    await denoiser.dispose();
  }
}

function open(run: Run, sequences: number, steps: number, period: number) {
  const { network } = run.checkpoint;
  return openDenoiser({
    backend: run.backend,
    network,
    weights: run.weights,
    sequences,
    steps: periodic(network, steps, period, run.scatter),
    rank: run.rank,
    ...(run.form && { form: run.form }),
  });
}

/** The checkpoint's tensors, and the factors under `factors.`. */
function mergedSource(
  checkpoint: DenoiserCheckpoint,
  factors: ReadonlyMap<string, Float32Array>,
): WeightSource {
  return { read: (name) => (name.startsWith('factors.') ? factors.get(name)! : checkpoint.read(name)) };
}
