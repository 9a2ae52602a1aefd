/** What gates look at, computed apart from them: by an uncached session on the reference backend. */
import { openDevice } from '../../src/backend/choose.js';
import { bothBranches } from '../../src/diffusion/guidance.js';
import { DenoisingSession } from '../../src/engine/session.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import { exposeResidual, residualOutput } from '../../src/evaluate/runs/exposeResidual.js';
import { tokensOf } from '../../src/models/dit/config.js';
import { emitTokens } from '../../src/models/dit/graph.js';
import { computeAll } from '../../src/models/layers/actions.js';
import type { LinearTap } from '../../src/models/layers/linearContext.js';
import type { SampleOptions } from '../../src/pipeline/options.js';
import type { DiTPipeline } from '../../src/pipeline/pipeline.js';
import type { SampleStep } from '../../src/pipeline/result.js';
import { sequencesOf } from '../../src/pipeline/sequences.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import { runPlan } from '../support/runPlan.js';

/** Of one step, all sequences as one vector. */
export interface Signals {
  /** The embedded patches: the input of block 0. */
  readonly tokens: Float32Array;
  /** The modulated input of block 0's attention. */
  readonly modulated: Float32Array;
  /** The residual stream behind block 0, computed in full. */
  readonly behindFirst: Float32Array;
}

/** A guided run, and for each of its steps the signals of the latents that it began with. */
export async function runWithSignals(
  pipeline: DiTPipeline,
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

async function openOracle({ checkpoint, config }: DiTPipeline, imageLabels: readonly number[]) {
  const { labels } = sequencesOf(imageLabels, true, config.classes);
  const device = await openDevice('reference');
  const weights = device.loadWeights(checkpoint);
  const [rows, hidden] = [labels.length * tokensOf(config), config.hiddenSize];
  const tap: LinearTap = (builder, { layer, x }) => {
    if (layer !== 'blocks.0.q') return;
    const out = builder.output('modulated', rows, hidden);
    builder.append({ op: 'linearCombination', terms: [{ x, coefficient: 1 }], out });
  };
  const plan = planSession(config, {
    sequences: labels.length,
    labels: labels.length,
    steps: [computeAll(config.depth)],
    tap,
  });
  const plans = plan.plans.map(exposeResidual);
  const session = await DenoisingSession.create(device, weights, { ...plan, plans });
  const embedding = new PlanBuilder('tokens');
  emitTokens(embedding, config, labels.length, embedding.output('tokens', rows, hidden));
  const tokensPlan = embedding.build();
  return {
    async signals(latents: Float32Array, timestep: number): Promise<Signals> {
      const both = bothBranches(latents);
      await session.condition(labels.map((label) => ({ timestep, label })));
      await session.evaluate(0, both, Int32Array.from(labels.keys()));
      const tokens = await runPlan(device, tokensPlan, checkpoint, { latents: both });
      return {
        tokens: tokens.get('tokens')!,
        modulated: await session.read('modulated'),
        behindFirst: await session.read(residualOutput('blocks.0.mlp')),
      };
    },
    async [Symbol.asyncDispose]() {
      session.dispose();
      weights.dispose();
      await device.dispose();
    },
  };
}
