/** What is done before anybody waits. */
import type { Pipeline, SamplerName } from 'incache';
import type { ResolvedServerOptions } from './options.js';

/** Weights are read and packed; a model that cannot draw is refused. */
export async function warmUp(pipeline: Pipeline): Promise<void> {
  await pipeline.generate({ ...somethingFor(pipeline), steps: 1 });
}

/** Recipes of another model are refused. */
export async function checkRecipes(
  pipeline: Pipeline,
  { cache, recipes }: Pick<ResolvedServerOptions, 'cache' | 'recipes'>,
): Promise<void> {
  const drawn = somethingFor(pipeline);
  for (const { info, options } of [...(cache.recipe ? [cache.recipe] : []), ...recipes.values()]) {
    await pipeline.checkpoint.loadHash();
    pipeline.plan({ ...drawn, cache: options, steps: info.steps, sampler: info.sampler as SamplerName });
  }
}

function somethingFor({ network }: Pipeline) {
  const takesText = network.conditions.some(({ name }) => name === 'text');
  return takesText ? { prompts: 'warm-up' } : { labels: [0] };
}
