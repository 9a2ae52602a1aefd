/** What every step of a run does with every layer, and what the run costs. */
import { BLOCK_LINEARS, type LinearAction, layerName } from '../models/layers/actions.js';
import { cachedSteps } from '../pipeline/cachePolicy.js';
import { resolveOptions, type SampleOptions } from '../pipeline/options.js';
import type { DiTPipeline } from '../pipeline/pipeline.js';
import type { LayerState, SchedulePlan } from './engineMethods.js';

/** Of a policy that decides while it runs, every layer counts as computed. */
export async function schedulePlan(pipeline: DiTPipeline, options: SampleOptions): Promise<SchedulePlan> {
  const { checkpoint, config } = pipeline;
  const resolved = resolveOptions(options, checkpoint);
  if (resolved.cache.factors) await checkpoint.loadHash(resolved.signal);
  const { stepMacs, conditioningMacs, memory } = pipeline.plan(options);
  const { actions } = cachedSteps(checkpoint, resolved);
  const layers = Array.from({ length: config.depth }, (_, block) =>
    BLOCK_LINEARS.map((linear) => layerName(block, linear)),
  ).flat();
  const steps = actions
    ? actions.map((blocks) =>
        blocks.flatMap((block) => BLOCK_LINEARS.map((linear) => stateOf(block[linear]))),
      )
    : Array.from({ length: resolved.steps }, () => layers.map((): LayerState => 'computed'));
  return { layers, steps, macs: stepMacs + conditioningMacs, memory };
}

function stateOf(action: LinearAction): LayerState {
  if (action === 'reuse' || action === 'calibrate') return action === 'reuse' ? 'reused' : 'calibrated';
  if (typeof action === 'string' || action.kind === 'keep') return 'computed';
  return action.increment ? 'calibrated' : 'reused';
}
