/** What every step of a run does with every layer, and what the run costs. */
import type { LayerAction } from '../models/layers/actions.js';
import { plannedSteps } from '../pipeline/cachePolicy.js';
import { resolveOptions, type SampleOptions } from '../pipeline/options.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import type { LayerState, SchedulePlan } from './engineMethods.js';

/** For a policy that decides while it runs, every layer counts as computed. */
export async function schedulePlan(pipeline: Pipeline, options: SampleOptions): Promise<SchedulePlan> {
  const { checkpoint, network } = pipeline;
  const resolved = resolveOptions(options, checkpoint);
  if (resolved.cache.factors) await checkpoint.loadHash(resolved.signal);
  const { stepMacs, conditioningMacs, memory } = pipeline.plan(options);
  const { actions } = plannedSteps(checkpoint, resolved);
  const layers = network.layers.map(({ name }) => name);
  const steps = actions.map((step) => layers.map((layer) => stateOf(step.get(layer)!)));
  return { layers, steps, macs: stepMacs + conditioningMacs, memory };
}

function stateOf(action: LayerAction): LayerState {
  if (action.compute) return 'computed';
  return action.increment ? 'calibrated' : 'reused';
}
