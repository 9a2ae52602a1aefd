/** The rows of the demo: which policies it compares. */
import type { CacheOptions } from '../../pipeline/options.js';
import type { Recipe } from '../../pipeline/recipe.js';
import { rankText } from '../rankText.js';
import type { DemoSubject } from './subject.js';

export interface Contender {
  readonly policy: string;
  readonly steps: number;
  readonly cache: CacheOptions;
}

/**
 * Full, fewer steps, reuse, the method as published, and the recipe of the model where it was made for so many steps. Fewer steps are
 * as many as take the multiply-adds of reuse, nearly.
 */
export function contendersOf(
  { factors, recipe }: Pick<DemoSubject, 'factors' | 'recipe'>,
  steps: number,
  period: number,
): Contender[] {
  const fewer = Math.max(1, Math.ceil(steps / period));
  const published = `calibrated, p = ${period}, ${factors.info.method}, r = ${rankText(factors)}`;
  return [
    { policy: 'full', steps, cache: { policy: 'none' } },
    { policy: `${fewer} steps`, steps: fewer, cache: { policy: 'none' } },
    { policy: `reuse, p = ${period}`, steps, cache: { policy: 'reuse', period } },
    { policy: published, steps, cache: { policy: 'calibrated', period, factors } },
    ...(recipe.info.steps === steps
      ? [{ policy: `recipe: ${recipeText(recipe)}`, steps, cache: recipe.options }]
      : []),
  ];
}

/** As in `calibrated, terms = 4, computed = 10, whitened, r = 64`. */
function recipeText({ parameters: { policy, ...rest }, factors }: Recipe): string {
  const named = Object.entries(rest).map(([name, value]) => `${name} = ${value}`);
  return [policy, ...named, ...(factors ? [factors.info.method, `r = ${rankText(factors)}`] : [])].join(', ');
}
