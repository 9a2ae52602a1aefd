/** What the demo draws: emoji from words, with the factors and the recipe that come with their model. */
import { join } from 'node:path';
import { FactorSet } from '../../cache/data/factorSet.js';
import { requireModelFolder } from '../../modelPackages.js';
import { Recipe } from '../../pipeline/recipe.js';

export interface DemoSubject {
  readonly model: string;
  /** What is drawn, one prompt for each image. */
  readonly request: { readonly prompts: readonly string[]; readonly guidanceScale: number };
  /** Default number of denoising steps. */
  readonly steps: number;
  /** For policy `calibrated`. */
  readonly factors: FactorSet;
  /** What tuning found to be the best of this model. */
  readonly recipe: Recipe;
}

const PROMPTS = [
  'a red apple, noto',
  'smiling face with sunglasses, twemoji',
  'cat face with tears of joy, noto',
  'panda, twemoji',
];

/** @param prompts of the user's own; default: some that the model draws well */
export function demoSubject(prompts: readonly string[] = PROMPTS): DemoSubject {
  const model = requireModelFolder('emoji');
  return {
    model,
    request: { prompts, guidanceScale: 3.5 },
    steps: 20,
    factors: FactorSet.load(join(model, 'factors.safetensors')),
    recipe: Recipe.load(join(model, 'recipe.safetensors')),
  };
}
