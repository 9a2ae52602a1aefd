/** From the body of a request to a drawing: what the schema cannot know is checked here. */
import { randomInt } from 'node:crypto';
import type { Pipeline, Recipe } from 'incache';
import { ApiError, shortened, wrongField } from './apiError.js';
import { cacheChoice, cacheOptions } from './cacheChoice.js';
import type { Drawing, DrawnImage } from './drawing.js';
import type { ResolvedServerOptions } from './options.js';

/** As `requestSchema` says. */
export interface ImageRequest {
  readonly prompt?: string;
  readonly label?: string | number;
  readonly negative_prompt?: string;
  readonly model?: string;
  readonly n?: number;
  readonly size?: string;
  readonly response_format?: 'b64_json' | 'url';
  readonly seed?: number;
  readonly steps?: number;
  readonly guidance?: number;
  readonly recipe?: string;
  readonly policy?: 'none' | 'reuse' | 'taylorseer';
  readonly period?: number;
  readonly stream?: boolean;
  readonly partial_images?: number;
}

/** The model that is served. */
export interface Served {
  readonly pipeline: Pipeline;
  readonly name: string;
  readonly options: Pick<ResolvedServerOptions, 'cache' | 'recipes' | 'limits'>;
}

/** What is to be drawn, without who asked and who listens. */
export type Asked = Omit<Drawing, 'user' | 'signal' | 'onStep' | 'onImage'> & {
  readonly seed: number;
  /** Of the pictures in pixels, as in 512x512: width before height, as OpenAI has it. */
  readonly size: string;
};

/** Throws an `ApiError` or an `ArgumentError` that names the field which is not what it must be. */
export function readRequest(body: ImageRequest, served: Served): Asked {
  const { pipeline, name, options } = served;
  if (body.model !== undefined && body.model !== name)
    throw new ApiError(404, `there is no model '${shortened(body.model)}'; the server has ${name}`, {
      param: 'model',
      code: 'model_not_found',
    });
  const size = sizeOf(body, served);
  const choice = cacheChoice(body);
  const cache = cacheOptions(choice, options);
  const { recipe } = cache;
  const seed = body.seed ?? randomInt(2 ** 32);
  const common = {
    ...size,
    steps: body.steps ?? recipe?.info.steps,
    sampler: recipe?.info.sampler as Drawing['options']['sampler'],
    cache,
  };
  const own = Object.fromEntries(Object.entries(common).filter(([, value]) => value !== undefined));
  const drawn = drawnOf(body, served);
  const resolved = pipeline.resolve({
    ...(own as Drawing['options']),
    ...drawn,
    ...(body.guidance !== undefined && { guidanceScale: body.guidance }),
    seed,
  });
  requireRecipe(recipe, resolved);
  const { guidanceScale, steps, sampler, geometry, labels, text } = resolved;
  if (steps > options.limits.steps)
    throw wrongField('steps', `${steps} steps`, `at most ${options.limits.steps} steps`);
  const image: Omit<DrawnImage, 'image'> = {
    ...{ seed, guidanceScale },
    ...(text ? { prompt: text.prompts![0]! } : { label: labels[0]! }),
    ...(text?.negative && { negative: text.negative[0]! }),
  };
  return {
    images: Array.from({ length: body.n ?? 1 }, (_, place) => ({ ...image, image: place })),
    options: { ...own, steps },
    choice,
    key: JSON.stringify([
      ...[steps, sampler, geometry.height, geometry.width, choice],
      ...[guidanceScale !== 1, text?.negative !== undefined],
    ]),
    previews: body.partial_images ?? 0,
    seed,
    size: sizeText(served, geometry),
  };
}

/** A prompt names a class where the model has classes, so that clients which know of prompts alone can draw. */
function drawnOf({ prompt, label, negative_prompt: negative }: ImageRequest, { pipeline }: Served) {
  const takesText = pipeline.network.conditions.some(({ name }) => name === 'text');
  if (!takesText) {
    if (negative !== undefined)
      throw wrongField('negative_prompt', 'negative_prompt', 'no value, because the model takes labels');
    if ((prompt === undefined) === (label === undefined))
      throw new ApiError(400, 'give either label or prompt: what to draw', {
        param: 'label',
        code: 'invalid_value',
      });
    return { labels: [label ?? prompt!] };
  }
  if (label !== undefined)
    throw wrongField('label', 'label', 'a prompt instead, because the model takes prompts');
  if (prompt === undefined)
    throw new ApiError(400, 'prompt is missing: what to draw', { param: 'prompt', code: 'invalid_value' });
  return { prompts: [prompt], ...(negative !== undefined && { negativePrompt: negative }) };
}

/** Before anything waits: the engine would say so when the images are drawn. */
function requireRecipe(recipe: Recipe | undefined, { steps }: { readonly steps: number }): void {
  if (recipe && steps !== recipe.info.steps)
    throw wrongField('steps', `steps ${steps}`, `${recipe.info.steps}, for which the recipe was made`);
}

function sizeOf({ size = 'auto' }: ImageRequest, served: Served): { width?: number; height?: number } {
  if (size === 'auto') return {};
  const [width = 0, height = 0] = size.split('x').map(Number);
  const { pixels } = served.options.limits;
  if (width * height > pixels) {
    const own = sizeText(served, served.pipeline.network.latents);
    throw wrongField('size', `size ${size}`, `at most ${pixels} pixels; auto is ${own}`);
  }
  return { width, height };
}

function sizeText({ pipeline }: Served, { height, width }: { height: number; width: number }): string {
  const { pixelsPerLatent } = pipeline.decoder;
  return `${width * pixelsPerLatent}x${height * pixelsPerLatent}`;
}
