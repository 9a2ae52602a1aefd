/** Whether the policies of an experiment that choose under a budget can meet it, before anything is measured. */
import { noErrors } from '../cache/budgeted.js';
import { Mixed } from '../cache/mixed.js';
import { Searched } from '../cache/searched.js';
import { ArgumentError } from '../errors.js';
import type { Configuration } from './configuration.js';
import { gapsOf } from './errorStore.js';
import type { ExperimentContext } from './experiment.js';

/**
 * Configurations that were asked for by name are refused with an `ArgumentError` when no schedule meets their budget;
 * without `only` they are left out.
 */
export function withinBudgets(
  configurations: readonly Configuration[],
  context: ExperimentContext,
): readonly Configuration[] {
  return configurations.filter((configuration) => {
    const refusal = refusalOf(configuration, context);
    if (refusal && context.only)
      throw new ArgumentError(`the budget of ${configuration.name}`, refusal.value, refusal.expected);
    return !refusal;
  });
}

function refusalOf(
  { cache = {}, errors: order, factors }: Configuration,
  { pipeline: { network }, sampling }: ExperimentContext,
): ArgumentError | undefined {
  if (order === undefined) return undefined;
  const { steps } = sampling;
  const Policy = cache.policy === 'mixed' ? Mixed : Searched;
  const extrapolated = factors ? 'calibrate' : 'reuse';
  const kinds = order > 0 ? ([extrapolated] as const) : (['reuse', 'calibrate'] as const);
  const errors = noErrors(network, { steps, gaps: gapsOf(sampling), order, kinds });
  try {
    new Policy(errors, cache.budget!).decide({
      network,
      geometry: network.latents,
      steps,
      rank: () => factors?.rank ?? 0,
    });
    return undefined;
  } catch (error) {
    if (error instanceof ArgumentError) return error;
    throw error;
  }
}
