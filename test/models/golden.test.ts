/** The DiT against Meta's: forward, one block, embeddings, guidance, and sampled trajectories. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openDevice, probeBackends } from '../../src/backend/choose.js';
import { guide } from '../../src/diffusion/guidance.js';
import { type PredictionGeometry, splitPrediction } from '../../src/diffusion/prediction.js';
import { createSampler, type SamplerName } from '../../src/diffusion/sampler.js';
import { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import { emitConditioning } from '../../src/models/dit/conditioning.js';
import { latentSize, type Network } from '../../src/models/network.js';
import { computeAll } from '../../src/models/stepPlans.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan, View } from '../../src/plan/types.js';
import type { SafetensorsFile } from '../../src/weights/safetensors.js';
import { assertClose } from '../support/compare.js';
import { type Denoiser, openDenoiser, uncached } from '../support/denoiser.js';
import { ditConfig } from '../support/ditConfig.js';
import { goldenFiles, goldenFolder, openGolden, requireKind, toleranceOf } from '../support/golden.js';
import { runPlan } from '../support/runPlan.js';

const models = goldenFiles(/^dit-\w+\.forward\.safetensors$/).map((file) => file.split('.')[0]!);

requireKind('models', models);

for (const { name: backend, available, detail } of await probeBackends()) {
  for (const model of models) {
    describe(`${model} on ${backend}`, { skip: available ? false : detail }, () => {
      const checkpoint = new DenoiserCheckpoint(`${goldenFolder()}/${model}.weights.safetensors`);
      const { network } = checkpoint;
      const golden = openGolden(`${model}.forward.safetensors`);
      const tolerance = toleranceOf(`${model}.forward.safetensors`, 1e-4);
      const sequences = golden.tensors.get('x')!.shape[0]!;
      let denoiser: Denoiser;

      before(async () => {
        denoiser = await openDenoiser({
          backend,
          network,
          weights: checkpoint,
          sequences,
          steps: uncached(network),
        });
      });
      after(() => denoiser.dispose());

      const evaluate = (latents: string, timesteps: string, labels: string) =>
        denoiser.evaluate(
          0,
          golden.read(latents),
          golden.readIntegers(timesteps),
          golden.readIntegers(labels),
        );

      test('forward', async () => {
        assertClose(await evaluate('x', 't', 'y'), golden.read('out'), tolerance, 'out');
      });

      test('guidance on the first three channels and on all', async () => {
        const images = sequences / 2;
        const scale = golden.read('cfg_scale')[0]!;
        const geometry = geometryOf(network, images);
        const { channels } = geometry;
        // Meta's forward_with_cfg evaluates the first half of the latents twice.
        const x = golden.read('cfg_x');
        x.copyWithin(x.length / 2, 0, x.length / 2);
        const output = await denoiser.evaluate(
          0,
          x,
          golden.readIntegers('cfg_t'),
          golden.readIntegers('cfg_y'),
        );
        for (const [name, guidanceChannels] of [
          ['cfg_out_first3', Math.min(3, channels)],
          ['cfg_out_all', channels],
        ] as const) {
          const expected = splitPrediction(golden.read(name), geometry).noise;
          const { noise } = guide(output, { ...geometry, scale, guidanceChannels });
          assertClose(noise, expected.subarray(0, noise.length), tolerance, name);
        }
      });

      test('timestep embedding and conditioning vector', async () => {
        const builder = new PlanBuilder('conditioning');
        emitConditioningOutput(builder);
        const inputs = { timesteps: golden.read('t'), labels: Int32Array.from(golden.readIntegers('y')) };
        const outputs = await run(builder.build(), inputs);
        assertClose(outputs.get('c')!, golden.read('c'), tolerance, 'c');

        const sinusoid = new PlanBuilder('sinusoid');
        const width = golden.tensors.get('t_embed_sinusoid')!.shape[1]!;
        const out = sinusoid.output('out', sequences, width);
        sinusoid.append({
          op: 'timestepEmbedding',
          x: sinusoid.input('timesteps', sequences, 1),
          maxPeriod: 10000,
          out,
        });
        const embedded = await run(sinusoid.build(), { timesteps: golden.read('t') });
        assertClose(embedded.get('out')!, golden.read('t_embed_sinusoid'), tolerance, 'sinusoid');
      });

      test('tokens and the first block', async () => {
        const table = new PlanBuilder('table');
        network.emitTable(table, sequences);
        copy(
          table,
          table.state('modulation', sequences, network.tableWidth),
          table.output('out', sequences, network.tableWidth),
        );
        const modulation = await run(table.build(), {
          timesteps: golden.read('t'),
          labels: Int32Array.from(golden.readIntegers('y')),
        });
        const builder = new PlanBuilder('first block');
        const none = new Set<string>();
        const step = network.step({
          builder,
          geometry: network.latents,
          sequences,
          tableRows: sequences,
          first: 0,
          last: 0,
          resumes: false,
          cache: { form: 'input', split: none, fused: none, rank: () => 0, factorPrefix: '' },
          activations: 'f32',
        });
        const [x] = step.streams;
        step.begin();
        copy(builder, x!, builder.output('tokens', x!.rows, network.width));
        step.block(0, computeAll(network));
        copy(builder, x!, builder.output('block0', x!.rows, network.width));
        const outputs = await run(builder.build(), {
          latents: golden.read('x'),
          modulation: modulation.get('out')!,
          rows: Int32Array.from({ length: sequences }, (_, i) => i),
        });
        assert.equal(x!.rows, sequences * network.streams[0]!.tokens(network.latents));
        assertClose(outputs.get('tokens')!, golden.read('tokens'), tolerance, 'tokens');
        assertClose(outputs.get('block0')!, golden.read('block0'), tolerance, 'block0');
      });

      for (const file of goldenFiles(new RegExp(`^${model}\\.(ddim|ddpm)\\d+\\.safetensors$`)))
        test(file, async () => {
          await followTrajectory(
            backend,
            checkpoint,
            openGolden(file),
            toleranceOf(file, 1e-3),
            file.includes('ddim') ? 'ddim' : 'ddpm',
          );
        });

      const run = async (plan: Plan, inputs: Record<string, Float32Array | Int32Array>) => {
        const device = await openDevice(backend, { weights: 'f32' });
        try {
          return await runPlan(device, plan, checkpoint, inputs);
        } finally {
          await device.dispose();
        }
      };

      const emitConditioningOutput = (builder: PlanBuilder) => {
        const c = emitConditioning(builder, ditConfig(checkpoint), sequences);
        copy(builder, c, builder.output('c', sequences, network.width));
      };
    });
  }
}

/** Every sample of a recorded loop, from its noise; ddpm brings the noise of each step along. */
async function followTrajectory(
  backend: string,
  checkpoint: DenoiserCheckpoint,
  golden: SafetensorsFile,
  tolerance: number,
  name: SamplerName,
): Promise<void> {
  const { network } = checkpoint;
  const trajectory = golden.read('trajectory');
  const [steps, images] = golden.tensors.get('trajectory')!.shape as [number, number];
  const size = latentSize(network);
  const recorded = name === 'ddpm' ? golden.read('noise') : new Float32Array(0);
  const sampler = createSampler(name, { steps, predictsVariance: network.predicts.variance });
  const run = sampler.start((step) => recorded.subarray(step * images * size, (step + 1) * images * size));
  const latents = golden.read('z');
  const labels = golden.readIntegers('y');
  const denoiser = await openDenoiser({
    backend,
    network,
    weights: checkpoint,
    sequences: images,
    steps: sampler.timesteps.map(() => uncached(network)[0]!),
  });
  try {
    for (const [step, timestep] of sampler.timesteps.entries()) {
      const output = await denoiser.evaluate(
        step,
        latents,
        labels.map(() => timestep),
        labels,
      );
      run.advance(step, latents, splitPrediction(output, geometryOf(network, images)));
      const expected = trajectory.subarray(step * images * size, (step + 1) * images * size);
      assertClose(latents, expected, tolerance, `sample after step ${step}`);
    }
  } finally {
    await denoiser.dispose();
  }
}

function geometryOf({ latents, predicts }: Network, images: number): PredictionGeometry {
  const { channels, height, width } = latents;
  return { images, channels, pixels: height * width, learnSigma: predicts.variance };
}

/** Adds zero: the way to look at a temporary. */
function copy(builder: PlanBuilder, x: View, out: View): void {
  builder.append({ op: 'add', x, y: builder.input(`zeros.${out.buffer}`, 1, x.columns), out });
}
