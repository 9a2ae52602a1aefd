/** The cache policy of a request: named, so that it can be sent to workers, and as the engine takes it. */
import type { CacheOptions, Recipe } from 'incache';
import { ApiError, shortened, wrongField } from './apiError.js';
import type { ImageRequest } from './imageRequest.js';
import type { ResolvedServerOptions } from './options.js';

/** Without any: that of the server. */
export interface CacheChoice {
  readonly policy?: 'none' | 'reuse' | 'taylorseer';
  readonly period?: number;
  /** The name of one. */
  readonly recipe?: string;
}

/** Throws an `ApiError` for fields that exclude each other. */
export function cacheChoice({ recipe, policy, period }: ImageRequest): CacheChoice {
  if (recipe !== undefined && policy !== undefined)
    throw wrongField('recipe', 'recipe', 'no value beside policy, because a recipe contains a policy');
  if (period !== undefined && policy !== 'reuse' && policy !== 'taylorseer')
    throw wrongField('period', 'period', 'policy reuse or taylorseer beside it');
  if (recipe !== undefined) return { recipe };
  return { ...(policy !== undefined && { policy }), ...(period !== undefined && { period }) };
}

/** Throws an `ApiError` where there is no such recipe. */
export function cacheOptions(
  { recipe: name, policy, period }: CacheChoice,
  { cache, recipes }: Pick<ResolvedServerOptions, 'cache' | 'recipes'>,
): CacheOptions & { readonly recipe?: Recipe } {
  if (policy !== undefined) return { policy, ...(period !== undefined && { period }) } as CacheOptions;
  if (name === undefined) return cache;
  const recipe = recipes.get(name);
  if (recipe) return recipe.options;
  const known = recipes.size > 0 ? `it has ${[...recipes.keys()].join(', ')}` : 'it has none';
  throw new ApiError(400, `the server has no recipe '${shortened(name)}'; ${known}`, {
    param: 'recipe',
    code: 'invalid_value',
  });
}
