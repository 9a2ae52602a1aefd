/** What caches are made with, between a page and the worker of its engine: a class does not survive the way, its data does. */
import { FactorSet, type FactorSetInfo, type LayerFactors } from '../cache/data/factorSet.js';
import { StepGrams, type StepGramsInfo } from '../cache/data/stepGrams.js';
import { ArgumentError } from '../errors.js';
import type { AnyCacheOptions } from '../pipeline/options.js';
import { Recipe, type RecipeInfo, type RecipeParameters } from '../pipeline/recipe.js';

export interface PortableFactors {
  readonly info: FactorSetInfo;
  readonly layers: ReadonlyMap<string, LayerFactors>;
}

export interface PortableFits {
  readonly info: StepGramsInfo;
  readonly features: ReadonlyMap<string, Float64Array>;
}

/** Its factors and fits go beside it. */
export interface PortableRecipe {
  readonly info: RecipeInfo;
  readonly parameters: RecipeParameters;
}

/** Throws an `ArgumentError` for what functions of this package have not made. */
export function requireMadeHere({ factors, fits, recipe }: AnyCacheOptions): void {
  if (factors !== undefined && !(factors instanceof FactorSet))
    throw new ArgumentError('factors', factors, 'a FactorSet, as of calibrate or readFactors');
  if (fits !== undefined && !(fits instanceof StepGrams))
    throw new ArgumentError('fits', fits, 'StepGrams, as a recipe has them');
  if (recipe !== undefined && !(recipe instanceof Recipe))
    throw new ArgumentError('recipe', recipe, 'a Recipe, as of readRecipe');
}

export function factorsOf({ info, layers }: PortableFactors): FactorSet {
  return new FactorSet(info, layers);
}

export function fitsOf({ info, features }: PortableFits): StepGrams {
  return new StepGrams(info, features);
}

export function recipeOf(
  { info, parameters }: PortableRecipe,
  factors: FactorSet | undefined,
  fits: StepGrams | undefined,
): Recipe {
  return new Recipe({ info, parameters, factors, fits });
}
