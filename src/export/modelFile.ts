/** Models as one file: the plans, weights, factors and sampler of a run, for programs that know nothing of them. */
import { DEFAULT_PERIODS } from '../cache/cachePolicy.js';
import type { FactorSet } from '../cache/data/factorSet.js';
import type { Sampler } from '../diffusion/sampler.js';
import type { DenoiserCheckpoint } from '../engine/checkpoint.js';
import { settingsMetadata } from '../engine/modelSettings.js';
import type { SessionPlan } from '../engine/sessionPlan.js';
import { ArgumentError, requireInteger, requireObject, requireOneOf } from '../errors.js';
import type { Network } from '../models/network.js';
import { type OptionNames, requireOptions } from '../optionNames.js';
import { requireUngated } from '../pipeline/cachePolicy.js';
import type { AnySampleOptions, ResolvedOptions, SampleOptions } from '../pipeline/options.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import { planBatch } from '../pipeline/planBatch.js';
import { samplerOf } from '../pipeline/samplerOf.js';
import { isGuided } from '../pipeline/sequences.js';
import type { TextEmbedding } from '../pipeline/text/embeddings.js';
import { padded, sizeOf } from '../pipeline/text/textConditions.js';
import { textCondition } from '../pipeline/text/textOptions.js';
import { FLOAT_TYPES, type FloatType } from '../plan/types.js';
import { type TensorToWrite, writeSafetensors } from '../weights/safetensors.js';
import { autoencoderOf, decoderPart, decoderTensor, readable } from './decoderPart.js';
import {
  DECODER_PREFIX,
  FACTOR_PREFIX,
  FORMAT,
  HEADER_KEY,
  MOST_IMAGES,
  type ModelDecoder,
  type ModelHeader,
  VERSION,
} from './format.js';
import { inputsOf, sharesRow, type UnconditionalText, unconditionalTensor } from './inputs.js';

/** What decides the plans, the sampler and the guidance of a run; labels or texts and the seed are given when the file is used. */
export interface ExportOptions
  extends Pick<
    SampleOptions,
    | 'steps'
    | 'sampler'
    | 'eta'
    | 'variance'
    | 'spacing'
    | 'scheduler'
    | 'guidanceScale'
    | 'guidanceChannels'
    | 'height'
    | 'width'
    | 'resolutionBinning'
    | 'cache'
  > {
  /** In a batch. Default 1. */
  readonly images?: number;
  /**
   * Of a model of prompts: what guidance leads away from. Default: what `sample` takes. Where there is neither that nor a text
   * encoder, the program that uses the file gives it.
   */
  readonly negativePrompt?: string | TextEmbedding;
  /** Type of large activations and of caches in the plans. Default `f32`, which every backend has. */
  readonly activations?: FloatType;
  /**
   * Whether the file can give pictures of latents: `true` needs a model with an autoencoder. Default: where it has one. Latents of
   * 1 or 3 channels that no autoencoder made are pictures already.
   */
  readonly decoder?: boolean;
}

const EXPORT_OPTION_NAMES: OptionNames<ExportOptions> = {
  images: true,
  height: true,
  width: true,
  resolutionBinning: true,
  negativePrompt: true,
  activations: true,
  decoder: true,
  steps: true,
  sampler: true,
  eta: true,
  variance: true,
  spacing: true,
  scheduler: true,
  guidanceScale: true,
  guidanceChannels: true,
  cache: true,
};

/**
 * Writes all that sampling runs of one kind need as a safetensors file, whole or not at all, and resolves to what its
 * metadata say (`ModelHeader`). Weights keep their type where it is F32, F16 or BF16, else they become F32.
 * Rejects with an `ArgumentError` for options that `Pipeline.sample` would refuse, and an `IncacheError` that names the
 * path when it cannot be written.
 */
export async function exportModel(
  pipeline: Pipeline,
  path: string,
  options: ExportOptions,
): Promise<ModelHeader> {
  requireObject('pipeline', pipeline?.checkpoint, 'a Pipeline');
  requireOptions('options', options, EXPORT_OPTION_NAMES);
  const { checkpoint, network } = pipeline;
  const { images = 1, activations = 'f32', decoder: wanted, negativePrompt, ...run } = options;
  requireOneOf('activations', activations, FLOAT_TYPES);
  requireInteger('images', images, 1, MOST_IMAGES);
  const resolved = pipeline.resolve({ ...run, ...drawn(network, images, negativePrompt) });
  requireUngated(resolved.cache, 'a model file');
  requireDecodedSize(resolved, pipeline.decoder.pixelsPerLatent);
  const sampler = samplerOf(resolved, network);
  const isOne = sharesRow(network);
  const session = planBatch(checkpoint, resolved, {
    images,
    conditions: isOne ? 1 : isGuided(resolved.guidanceScale) ? images + 1 : images,
    activations,
    factorPrefix: () => FACTOR_PREFIX,
  });
  const autoencoder = autoencoderOf(pipeline, wanted);
  const decoder = autoencoder && decoderPart(autoencoder, resolved.geometry, activations);
  const unconditional = await unconditionalText(pipeline, resolved);
  const header = headerOf(network, resolved, sampler, session, decoder, unconditional);
  const tensors = weightNames(header).map((name) => {
    if (autoencoder && name.startsWith(DECODER_PREFIX)) return decoderTensor(name, autoencoder);
    return tensorOf(name, checkpoint, resolved.cache.factors);
  });
  if (unconditional) tensors.push(textTensor(network, unconditional));
  const { id2label } = checkpoint.settings;
  const names = settingsMetadata({ ...(id2label && { id2label }) });
  writeSafetensors(path, tensors, { [HEADER_KEY]: JSON.stringify(header), ...names });
  return header;
}

/** A file does not resize pictures. */
function requireDecodedSize({ pictureSize, geometry }: ResolvedOptions, scale: number): void {
  if (!pictureSize) return;
  const { height, width } = geometry;
  throw new ArgumentError(
    'size',
    `${pictureSize.height}x${pictureSize.width}`,
    `${height * scale}x${width * scale}, the shape nearest to it that the model was trained on, or no resolution binning`,
  );
}

/** So many images of anything: which ones, the file leaves open. */
function drawn(
  network: Network,
  images: number,
  negative: ExportOptions['negativePrompt'],
): Pick<AnySampleOptions, 'labels' | 'prompts' | 'negativePrompt' | 'embeddings'> {
  if (Array.isArray(negative)) throw new ArgumentError('negativePrompt', negative, 'a text or its embedding');
  const text = textCondition(network);
  if (typeof negative !== 'object') {
    const negativePrompt = negative !== undefined && { negativePrompt: negative };
    const own = text
      ? { prompts: new Array<string>(images).fill('') }
      : { labels: new Array<number>(images).fill(0) };
    return { ...own, ...negativePrompt };
  }
  const width = text?.columns ?? 1;
  const any = { values: new Float32Array(width), length: 1, width };
  return { embeddings: { prompts: new Array<TextEmbedding>(images).fill(any), negative: [negative] } };
}

async function unconditionalText(
  pipeline: Pipeline,
  { text, guidanceScale }: ResolvedOptions,
): Promise<UnconditionalText | undefined> {
  const negative = text && isGuided(guidanceScale) ? await pipeline.negativeText(text) : undefined;
  if (!negative) return undefined;
  const [embedding] = negative.embeddings as [TextEmbedding];
  return {
    values: padded(embedding, textCondition(pipeline.network)!),
    length: negative.asPrompt ? 'conditional' : embedding.length,
  };
}

function textTensor({ conditions }: Network, { values }: UnconditionalText): TensorToWrite {
  const { name, rows, columns } = textCondition({ conditions })!;
  return { name: unconditionalTensor(name), dtype: 'F32', shape: [rows, columns], data: values };
}

function headerOf(
  network: Network,
  options: ResolvedOptions,
  sampler: Sampler,
  session: SessionPlan,
  decoder: ModelDecoder | undefined,
  unconditional: UnconditionalText | undefined,
): ModelHeader {
  const { pixels } = options;
  return {
    format: FORMAT,
    version: VERSION,
    name: nameOf(options),
    channels: network.latents.channels,
    ...session.geometry,
    inputs: inputsOf(network, unconditional, pixels && sizeOf(pixels)),
    learnSigma: network.predicts.variance,
    images: options.images,
    guidanceScale: options.guidanceScale,
    guided: isGuided(options.guidanceScale),
    guidanceChannels: options.guidanceChannels,
    labelRows: session.conditions,
    chunkSteps: session.chunkSteps,
    sampler: sampler.name,
    ...(sampler.initialScale !== 1 && { initialScale: sampler.initialScale }),
    steps: sampler.table.map((step, i) => ({ plan: session.courses[i]![0]!.plan, ...step })),
    ...(session.context && { context: session.context }),
    conditioning: session.conditioning,
    plans: session.plans,
    ...(decoder && { decoder }),
  };
}

/** As in `calibrated p=2 ddim-50`. */
function nameOf({ cache, sampler, steps }: ResolvedOptions): string {
  const { policy = 'none', period = DEFAULT_PERIODS[policy], gatherSteps, rule, schedule } = cache;
  const rhythm = gatherSteps || rule || schedule ? 'scheduled' : `p=${period}`;
  return `${policy === 'none' ? 'full' : `${policy} ${rhythm}`} ${sampler}-${steps}`;
}

/** In the order in which the plans first name them. */
function weightNames({ context, conditioning, plans, decoder }: ModelHeader): string[] {
  const all = [...(context ? [context] : []), conditioning, ...plans, ...(decoder ? [decoder.plan] : [])];
  const buffers = all.flatMap((plan) => plan.buffers);
  return [...new Set(buffers.filter(({ role }) => role === 'weight').map(({ name }) => name))];
}

function tensorOf(
  name: string,
  checkpoint: DenoiserCheckpoint,
  factors: FactorSet | undefined,
): TensorToWrite {
  if (factors && name.startsWith(FACTOR_PREFIX)) return factorOf(name, factors);
  return readable(checkpoint.stored(name), () => checkpoint.read(name));
}

function factorOf(name: string, factors: FactorSet): TensorToWrite {
  const inSet = name.slice(FACTOR_PREFIX.length);
  const { rank, rows, columns } = factors.requireLayer(inSet.replace(/\.(up|down)$/, ''));
  const shape = inSet.endsWith('.up') ? [rows, rank] : [rank, columns];
  return { name, dtype: 'F32', shape, data: factors.read(inSet) };
}
