/** What a caller may ask of a model of prompts. */
import { ArgumentError, requireObject } from '../../errors.js';
import type { Condition, Network } from '../../models/network.js';
import type { OptionNames } from '../../optionNames.js';
import type { TextEmbedding, TextEmbeddings } from './embeddings.js';

export interface TextOptions {
  /** Prompts of a model of prompts, one for each image; a single text is one image. */
  readonly prompts?: string | readonly string[];
  /** What pictures should not show, one for all images or one for each. Default: the empty text. Needs guidance. */
  readonly negativePrompt?: string | readonly string[];
  /** Instead of prompts, see `loadEmbeddings` and `Pipeline.embed`. */
  readonly embeddings?: TextEmbeddings;
  /** Whether prompts are cleaned as the model's training data were: lower case, without addresses, tags and so on. Default true. */
  readonly cleanCaption?: boolean;
}

export const TEXT_OPTION_NAMES: OptionNames<TextOptions> = {
  prompts: true,
  negativePrompt: true,
  embeddings: true,
  cleanCaption: true,
};

export interface EmbedOptions extends Omit<TextOptions, 'embeddings'> {
  readonly signal?: AbortSignal;
}

export const EMBED_OPTION_NAMES: OptionNames<EmbedOptions> = {
  prompts: true,
  negativePrompt: true,
  cleanCaption: true,
  signal: true,
};

/** `TextOptions` checked. Either `prompts` or `embeddings` is there. */
export interface ResolvedText {
  readonly images: number;
  readonly prompts?: readonly string[];
  readonly embeddings?: TextEmbeddings;
  /** One for all images or one for each; undefined: whatever the model has for no prompt. */
  readonly negative?: readonly string[];
  readonly clean: boolean;
}

/** The condition of a network that takes texts; undefined for another. */
export function textCondition({ conditions }: Pick<Network, 'conditions'>): Condition | undefined {
  return conditions.find(({ name }) => name === 'text');
}

/** Whether a network is told the size of the picture. */
export function takesSize({ conditions }: Pick<Network, 'conditions'>): boolean {
  return conditions.some(({ name }) => name === 'size');
}

/**
 * Throws an `ArgumentError` that names the option which is not what it must be. Undefined for a network that takes no text, for
 * which the options must not be there.
 */
export function resolveText(
  options: TextOptions & { readonly labels?: unknown },
  network: Pick<Network, 'conditions'>,
): ResolvedText | undefined {
  const condition = textCondition(network);
  if (!condition) {
    for (const name of Object.keys(TEXT_OPTION_NAMES) as (keyof TextOptions)[])
      if (options[name] !== undefined)
        throw new ArgumentError(name, short(options[name]), 'no value, because the model takes labels');
    return undefined;
  }
  if (options.labels !== undefined)
    throw new ArgumentError('labels', options.labels, 'no value, because the model takes prompts');
  const { prompts, negativePrompt, embeddings, cleanCaption = true } = options;
  if (typeof cleanCaption !== 'boolean')
    throw new ArgumentError('cleanCaption', cleanCaption, 'true or false');
  const negative = negativePrompt === undefined ? undefined : texts('negativePrompt', negativePrompt);
  const own =
    embeddings === undefined
      ? { prompts: texts('prompts', prompts) }
      : { embeddings: requireEmbeddings(options, condition) };
  const images = (own.prompts ?? own.embeddings!.prompts).length;
  const others = negative ?? embeddings?.negative;
  if (others && others.length !== 1 && others.length !== images)
    throw new ArgumentError(
      'negativePrompt',
      `${others.length} of them`,
      `one, or one for each of ${images} images`,
    );
  return { images, ...own, ...(negative && { negative }), clean: cleanCaption };
}

function texts(name: string, value: unknown): readonly string[] {
  const list = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(list) || list.length === 0)
    throw new ArgumentError(name, short(value), 'a text, or a list of at least one');
  for (const [i, text] of list.entries()) {
    const place = list.length === 1 ? name : `${name}[${i}]`;
    if (typeof text !== 'string') throw new ArgumentError(place, short(text), 'a text');
    if (text.includes('\0')) throw new ArgumentError(place, short(text), 'a text without NUL');
    if (/\p{Surrogate}/u.test(text))
      throw new ArgumentError(place, short(text), 'a text without lone surrogates (half characters)');
  }
  return list;
}

function requireEmbeddings(
  { embeddings, prompts }: TextOptions,
  { rows, columns }: Condition,
): TextEmbeddings {
  requireObject('embeddings', embeddings, 'what loadEmbeddings gives');
  if (prompts !== undefined) throw new ArgumentError('prompts', short(prompts), 'no value beside embeddings');
  const { prompts: own, negative } = embeddings as TextEmbeddings;
  for (const [name, list] of Object.entries({ prompts: own, ...(negative !== undefined && { negative }) })) {
    if (!Array.isArray(list) || list.length === 0)
      throw new ArgumentError(`embeddings.${name}`, list, 'a list of at least one');
    for (const [i, embedding] of list.entries())
      requireEmbedding(`embeddings.${name}[${i}]`, embedding, rows, columns);
  }
  return embeddings as TextEmbeddings;
}

function requireEmbedding(name: string, embedding: TextEmbedding, rows: number, columns: number): void {
  requireObject(name, embedding, 'an embedding of values, length and width');
  const { values, length, width } = embedding;
  if (width !== columns)
    throw new ArgumentError('width of embeddings', width, `${columns}, as the model takes them`);
  if (!(Number.isInteger(length) && length >= 1 && length <= rows))
    throw new ArgumentError('tokens of an embedding', length, `1 to ${rows}, the most that the model takes`);
  if (!(values instanceof Float32Array) || values.length !== length * width)
    throw new ArgumentError(
      'values of an embedding',
      values?.length,
      `${length * width} numbers in a Float32Array`,
    );
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new ArgumentError(`${name}.values[${bad}]`, values[bad], 'a finite number');
}

/** For messages: prompts may have megabytes. */
function short(value: unknown): unknown {
  return typeof value === 'string' && value.length > 60 ? `${value.slice(0, 57)}...` : value;
}
