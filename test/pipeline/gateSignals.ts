/** What gates look at, computed apart from them: by an uncached session on the reference backend. */
import { openDevice } from '../../src/backend/choose.js';
import { bothBranches } from '../../src/diffusion/guidance.js';
import { DenoisingSession } from '../../src/engine/session.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import { exposeResidual, residualOutput } from '../../src/evaluate/runs/exposeResidual.js';
import type { LayerTap } from '../../src/models/layers/context.js';
import { computeAll } from '../../src/models/stepPlans.js';
import type { SampleOptions } from '../../src/pipeline/options.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';
import type { SampleStep } from '../../src/pipeline/result.js';
import { labelConditions, sequencesOf } from '../../src/pipeline/sequences.js';
import { copyOp, PlanBuilder } from '../../src/plan/builder.js';
import { runPlan } from '../support/runPlan.js';

/** Of one step, all sequences as one vector. */
export interface Signals {
  /** The embedded patches: the input of block 0. */
  readonly tokens: Float32Array;
  /** The modulated input of block 0's attention. */
  readonly modulated: Float32Array;
  /** The residual stream behind block 0, computed in full. */
  readonly behindFirst: Float32Array;
  /** The same behind the last block. */
  readonly behindLast: Float32Array;
  /** What goes into the network and comes out of it, computed in full. */
  readonly latents: Float32Array;
  readonly prediction: Float32Array;
}

/** A guided run, and for each of its steps the signals of the latents that it began with. */
export async function runWithSignals(
  pipeline: Pipeline,
  options: SampleOptions & { readonly labels: readonly number[]; readonly noise: Float32Array },
): Promise<{ steps: SampleStep[]; signals: Signals[] }> {
  const steps: SampleStep[] = [];
  const signals: Signals[] = [];
  await using oracle = await openOracle(pipeline, options.labels);
  let latents = options.noise;
  for await (const step of pipeline.sample(options)) {
    steps.push(step);
    signals.push(await oracle.signals(latents, step.timestep));
    latents = step.latents();
  }
  return { steps, signals };
}

async function openOracle({ checkpoint, network }: Pipeline, labels: readonly number[]) {
  const { all } = sequencesOf(network, labelConditions(network, labels), true);
  const device = await openDevice('reference');
  const weights = device.loadWeights(checkpoint);
  const geometry = network.latents;
  const [rows, hidden] = [all.length * network.streams[0]!.tokens(geometry), network.width];
  const tap: LayerTap = (builder, { layer, x }) => {
    if (layer.name !== 'blocks.0.q') return;
    const out = builder.output('modulated', rows, hidden);
    builder.append(copyOp(x, out));
  };
  const plan = planSession(network, {
    sequences: all.length,
    conditions: all.length,
    steps: [computeAll(network)],
    tap,
    onSublayer: exposeResidual,
  });
  const session = await DenoisingSession.create(device, weights, plan);
  const embedding = new PlanBuilder('tokens');
  const none = new Set<string>();
  const cache = { form: 'input', split: none, fused: none, rank: () => 0, factorPrefix: '' } as const;
  const step = network.step({
    builder: embedding,
    geometry,
    sequences: all.length,
    tableRows: all.length,
    first: 0,
    last: 0,
    resumes: false,
    cache,
    activations: 'f32',
  });
  step.begin();
  embedding.append(copyOp(step.streams[0]!, embedding.output('tokens', rows, hidden)));
  const tokensPlan = embedding.build();
  return {
    async signals(latents: Float32Array, timestep: number): Promise<Signals> {
      const both = bothBranches(latents);
      await session.condition(all.map((sequence) => ({ timestep, ...sequence })));
      const prediction = await session.evaluate(0, both, Int32Array.from(all.keys()));
      const tokens = await runPlan(device, tokensPlan, checkpoint, { latents: both });
      return {
        tokens: tokens.get('tokens')!,
        modulated: await session.read('modulated'),
        behindFirst: await session.read(residualOutput('blocks.0.mlp')),
        behindLast: await session.read(residualOutput(network.sublayers.at(-1)!.name)),
        latents: both,
        prediction,
      };
    },
    async [Symbol.asyncDispose]() {
      session.dispose();
      weights.dispose();
      await device.dispose();
    },
  };
}
