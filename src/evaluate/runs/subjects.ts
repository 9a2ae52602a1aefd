/** What the images of a measurement show, by their place in the seed's sequence of images. */
import { sha256 } from '#platform/hash';
import { uniforms } from '../../diffusion/philox.js';
import { ArgumentError } from '../../errors.js';
import { classesOf, type Network } from '../../models/network.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { TEXT_OPTION_NAMES, type TextOptions, textCondition } from '../../pipeline/text/textOptions.js';
import type { RunKey } from './savedRun.js';

export interface SubjectOptions extends TextOptions {
  /** Classes that images have in turn. Default: all. */
  readonly labels?: readonly number[];
  /** Seed of the noise and of the order of prompts. Default 0. */
  readonly seed?: number;
}

/** Options of a run; classes are numbers. */
export type Subjects = TextOptions & Pick<SubjectOptions, 'labels'>;

/** A stream that no image draws its noise from: as many as steps, and one, are in use. */
const ORDER_STREAM = 2 ** 32 - 1;

/**
 * Options by which images [first, first + count) of a seed have their subjects: classes in turn; prompts or embeddings in an
 * order drawn with the seed, in which all come once before one comes again. So fewer images than prompts are of a random part
 * of them, and image i is of the same prompt whatever the batch.
 */
export function subjectsOf(
  network: Pick<Network, 'conditions'>,
  { labels, seed = 0, prompts, negativePrompt, embeddings, ...options }: SubjectOptions,
  count: number,
  first = 0,
): Subjects {
  const texts = {
    ...(prompts !== undefined && { prompts }),
    ...(negativePrompt !== undefined && { negativePrompt }),
    ...(embeddings !== undefined && { embeddings }),
    ...textOptionsOf(options),
  };
  if (!textCondition(network)) return { ...texts, labels: inTurn(labels, classesOf(network), count, first) };
  const all = embeddings ? embeddings.prompts : prompts;
  // What is no list, or an empty one, is refused where options of a run are.
  if (typeof all === 'string' || !Array.isArray(all) || all.length === 0)
    return { ...texts, ...(labels && { labels }), ...(typeof all === 'string' && repeated(all, count)) };
  const order = orderOf(all.length, seed);
  const places = Array.from({ length: count }, (_, i) => order[(first + i) % order.length]!);
  const drawn = <T>(list: readonly T[]): T[] => places.map((place) => list[list.length === 1 ? 0 : place]!);
  return {
    ...texts,
    ...(labels && { labels }),
    ...(Array.isArray(prompts) && { prompts: drawn(prompts) }),
    ...(Array.isArray(negativePrompt) &&
      negativePrompt.length === all.length && { negativePrompt: drawn(negativePrompt) }),
    ...(embeddings && {
      embeddings: {
        prompts: drawn(embeddings.prompts),
        ...(embeddings.negative && { negative: drawn(embeddings.negative) }),
      },
    }),
  };
}

/**
 * What tells the subjects of a run from those of another, for runs that are kept: labels; or texts and what embeds them, or embeddings.
 * Throws as opening the text encoder does.
 */
export function subjectsKey(
  pipeline: { readonly network: Pick<Network, 'conditions'> } & Pick<Pipeline, 'textEncoderOf'>,
  { labels, ...options }: SubjectOptions,
): RunKey {
  const { network } = pipeline;
  if (!textCondition(network)) {
    const classes = classesOf(network);
    return { labels: inTurn(labels, classes, labels?.length ?? classes, 0) };
  }
  return { prompts: textsHash(options), ...pipeline.textEncoderOf(options) };
}

function textsHash({ prompts, negativePrompt, embeddings, cleanCaption = true }: TextOptions): string {
  const hash = sha256();
  const texts = { prompts: [prompts ?? []].flat(), negative: [negativePrompt ?? []].flat(), cleanCaption };
  hash.update(JSON.stringify(texts));
  for (const list of [embeddings?.prompts ?? [], embeddings?.negative ?? []]) {
    hash.update(JSON.stringify(list.map(({ length, width }) => [length, width])));
    for (const { values } of list)
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest();
}

function textOptionsOf(options: TextOptions): TextOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => Object.hasOwn(TEXT_OPTION_NAMES, name)),
  );
}

function inTurn(
  labels: readonly number[] | undefined,
  classes: number,
  count: number,
  first: number,
): number[] {
  const given = labels ?? Array.from({ length: classes }, (_, label) => label);
  if (given.length === 0) throw new ArgumentError('labels', given, 'at least one label');
  return Array.from({ length: count }, (_, i) => given[(first + i) % given.length]!);
}

function repeated(prompt: string, count: number): { readonly prompts: string[] } {
  return { prompts: new Array<string>(count).fill(prompt) };
}

/** A permutation of 0 to count - 1 (Fisher and Yates). */
function orderOf(count: number, seed: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  const draws = uniforms(seed, ORDER_STREAM, 0, count);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(draws[i]! * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
