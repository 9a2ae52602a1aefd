/** What a caller may ask of a sampling run, checked and with its defaults filled in. */

import { type CachePolicyName, isGated, type POLICY_PARAMETERS } from '../cache/cachePolicy.js';
import type { ErrorTable } from '../cache/data/errorTable.js';
import type { FactorSet } from '../cache/data/factorSet.js';
import type { RouterTable } from '../cache/data/routerTable.js';
import type { StepGrams } from '../cache/data/stepGrams.js';
import type { Kept } from '../cache/gatedPolicy.js';
import type { Granularity, Schedule } from '../cache/schedule.js';
import type { SeriesBasis } from '../cache/series.js';
import { RESPACINGS } from '../diffusion/noiseSchedule.js';
import type { SamplerName, SamplerSettings } from '../diffusion/sampler.js';
import { type SchedulerConfig, samplerOfScheduler } from '../diffusion/scheduler.js';
import { ArgumentError, requireInteger, requireNumber, requireObject } from '../errors.js';
import type { Label, LabelTable } from '../models/labelTable.js';
import type { CacheForm } from '../models/layers/actions.js';
import { latentSize, type Network } from '../models/network.js';
import { type OptionNames, pickOptions } from '../optionNames.js';
import type { RowScaledType } from '../plan/types.js';
import { type ImageOptions, type ResolvedImage, resolveImages } from './perImage.js';
import { type ResolvedSize, resolveSize, type SizeOptions } from './pictureSize.js';
import type { Recipe } from './recipe.js';
import {
  type ResolvedText,
  resolveText,
  TEXT_OPTION_NAMES,
  type TextOptions,
  textCondition,
} from './text/textOptions.js';

/** The parameters of all policies. Which of them a policy needs and takes is in `CacheOptions`. */
export interface CacheParameters {
  /** For policies `reuse`, `calibrated`, `taylorseer` and `fitted`: compute every `period`-th step in full. Default 2; 3 for the last two. */
  readonly period?: number;
  /** Gather everything at these steps instead, step 0 among them. */
  readonly gatherSteps?: readonly number[];
  /** Gather where this rule says so instead; step 0 always gathers. */
  readonly rule?: (step: number, layer: string) => boolean;
  /** Columns of G and S for `rule`. Default `linear`. */
  readonly granularity?: Granularity;
  /** G and S as given, instead. */
  readonly schedule?: Schedule;
  /** Needed by policy `calibrated`. With them, other policies calibrate what they would reuse. */
  readonly factors?: FactorSet;
  /** Needed by policy `learning-to-cache`; see `loadRouterTable`. */
  readonly table?: RouterTable;
  /** For policy `learning-to-cache`: sublayers above it are recomputed. Default 0.1. */
  readonly theta?: number;
  /** Needed by policies `searched` and `mixed`; see `measureErrors`. */
  readonly errors?: ErrorTable;
  /** For policy `pab`: steps from one computed cross-attention to the next. Default 6. */
  readonly crossPeriod?: number;
  /** For policies `searched` and `mixed`: MACs of the steps, as a share of those without a cache. */
  readonly budget?: number;
  /**
   * Of `taylorseer`: of the polynomial, from 0 to 3. Default 1. Of `calibrated`: calibrate against the polynomial of this
   * order through the last computed steps, from 0 (the default, the last one) to 3.
   */
  readonly order?: number;
  /**
   * For policy `taylorseer`: `taylor` (the default), the published form, `newton`, the polynomial through the computed steps,
   * `hermite`, the damped series of HiCache, or `foca`, of order 2.
   */
  readonly basis?: SeriesBasis;
  /** Needed by policies `fitted` and `magcache`. With them, `calibrated` uses fitted combinations instead of a polynomial. See `measureGrams`. */
  readonly fits?: StepGrams;
  /** With `fits`: how many computed steps are combined, 1 to 4. Default 3. */
  readonly terms?: number;
  /** With `fits`: how many steps are computed, chosen by the fits, instead of a period. */
  readonly computed?: number;
  /**
   * For policies `teacache`, `first-block`, `fastcache` and `easycache`: the relative change below which a step or a block is cached; of
   * `magcache` the most error, by default 0.06. 0 caches nothing.
   */
  readonly threshold?: number;
  /** For the policies with a `threshold` and for `taylorseer`: steps at the start that are computed in full. Default 1, 8, 1, 2, a fifth and 2. */
  readonly warmup?: number;
  /** For policy `teacache`: coefficients of what the change goes through, that of the highest power first. Default [1, 0]. */
  readonly polynomial?: readonly number[];
  /** For policy `first-block`: blocks before the gate, and at the end, that always run. Default 1 and 0. */
  readonly firstBlocks?: number;
  readonly lastBlocks?: number;
  /** For policies `first-block` and `magcache`: cached steps in a row at most. Default 3. */
  readonly maxCached?: number;
  /**
   * Of `teacache`, `first-block`, `fastcache` and `magcache`: what is kept of the blocks that are cached. Default `residual`; with
   * factors `outputs`.
   */
  readonly keep?: Kept;
}

/** How a cache keeps what it keeps, whatever the policy. */
export interface CacheStorage {
  /** Keep inputs as they are (`input`, the default) or multiplied by Wb (`rank`, less memory). */
  readonly form?: CacheForm;
  /**
   * Keep the inputs and outputs of linears in 8 bits, with a scale per token (`e4m3`), not as activations are. What the rank
   * form keeps stays in float32. Backends `cuda`, `native` and `reference`.
   */
  readonly type?: RowScaledType;
  /** The recipe that these options are of (`Recipe.options`): the run must have its model, sampler and steps. */
  readonly recipe?: Recipe;
}

/** Which steps and layers are gathered, and what is done on the others: a policy with the parameters that it has. */
export type CacheOptions = UncachedOptions | { [P in CachingPolicy]: PolicyOptions<P> }[CachingPolicy];

type CachingPolicy = Exclude<CachePolicyName, 'none'>;

/** Without a policy every step is computed in full. */
type UncachedOptions = { readonly policy?: 'none' | undefined } & CacheStorage;

/** A parameter that the policy does not have, or lacks, is refused: by TypeScript, and with an `ArgumentError`. */
export type PolicyOptions<P extends CachePolicyName> = { readonly policy: P } & Required<
  Pick<CacheParameters, (typeof POLICY_PARAMETERS)[P]['needs'][number]>
> &
  Pick<CacheParameters, (typeof POLICY_PARAMETERS)[P]['takes'][number]> &
  CacheStorage;

/** `CacheOptions` as one interface, for code that reads a parameter whatever the policy. */
export type AnyCacheOptions = { readonly policy?: CachePolicyName | undefined } & CacheParameters &
  CacheStorage;

export const CACHE_OPTION_NAMES: OptionNames<AnyCacheOptions> = {
  policy: true,
  period: true,
  gatherSteps: true,
  rule: true,
  granularity: true,
  schedule: true,
  factors: true,
  table: true,
  theta: true,
  errors: true,
  budget: true,
  order: true,
  basis: true,
  crossPeriod: true,
  fits: true,
  terms: true,
  computed: true,
  threshold: true,
  warmup: true,
  polynomial: true,
  firstBlocks: true,
  lastBlocks: true,
  maxCached: true,
  keep: true,
  form: true,
  type: true,
  recipe: true,
};

export interface SampleOptions extends SamplerSettings, TextOptions, SizeOptions {
  /**
   * Of a model of classes, one for each image: its number, from 0 to the number of classes (the last is the null class), or its
   * name, or several of its names divided by commas. See `DenoiserCheckpoint.labels`.
   */
  readonly labels?: readonly Label[];
  /** Denoising steps. Default 50, of a model of prompts 20. */
  readonly steps?: number;
  /** Default: that of the model's scheduler, else `ddim`, of a model of prompts `dpm++2m`. */
  readonly sampler?: SamplerName;
  /** Classifier-free guidance scale; 1 is none. Default 1.5, of a model of prompts 4.5. */
  readonly guidanceScale?: number;
  /** Guide the first so many noise channels. Default: as the original code, 3 in Meta's DiT and all in diffusers. */
  readonly guidanceChannels?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Place of the first image in the seed's sequence of images. Default 0. */
  readonly firstImage?: number;
  /** What the images have each for itself: seed, place in its sequence and guidance scale. */
  readonly perImage?: readonly ImageOptions[];
  /** Start from this noise (images x channels x height x width) instead of the seed's. */
  readonly noise?: Float32Array;
  /** Images denoised together. Default: all, at most 16; one by one under a policy that decides while it runs. */
  readonly batch?: number;
  readonly cache?: CacheOptions;
  /** Stops the run, except on `cuda` in the middle of a step too; it then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

export const SAMPLE_OPTION_NAMES: OptionNames<SampleOptions> = {
  ...TEXT_OPTION_NAMES,
  labels: true,
  height: true,
  width: true,
  resolutionBinning: true,
  steps: true,
  sampler: true,
  eta: true,
  variance: true,
  spacing: true,
  scheduler: true,
  guidanceScale: true,
  guidanceChannels: true,
  seed: true,
  firstImage: true,
  perImage: true,
  noise: true,
  batch: true,
  cache: true,
  signal: true,
};

/** Those that a run takes as they are. */
const {
  labels: _,
  height: __,
  width: ___,
  resolutionBinning: ____,
  perImage: _____,
  ...OWN_OPTION_NAMES
} = SAMPLE_OPTION_NAMES;

/** `SampleOptions` with parameters of a cache that have not been held against its policy yet. */
export type AnySampleOptions = Omit<SampleOptions, 'cache'> & { readonly cache?: AnyCacheOptions };

/** `SampleOptions` with nothing left open. */
export type ResolvedOptions = Omit<
  SampleOptions,
  'cache' | 'labels' | 'perImage' | keyof TextOptions | keyof SizeOptions
> &
  ResolvedSize &
  Required<
    Pick<
      SampleOptions,
      'steps' | 'sampler' | 'guidanceScale' | 'guidanceChannels' | 'seed' | 'firstImage' | 'batch'
    >
  > & {
    readonly cache: AnyCacheOptions;
    readonly images: number;
    /** One for each image. */
    readonly each: readonly ResolvedImage[];
    /** Labels of a model of classes, one for each image; else none. */
    readonly labels: readonly number[];
    /** Text of a model of prompts. */
    readonly text?: ResolvedText;
  };

const DEFAULT_BATCH = 16;

/** What a model says about how it is sampled, as `DenoiserCheckpoint` does. */
export interface SampledModel {
  readonly network: Network;
  readonly labels: LabelTable;
  readonly scheduler?: SchedulerConfig | undefined;
  /** Pixels of a picture for each of its latents, along a side; asked for where a size in pixels matters. Default: 8. */
  readonly pixelsPerLatent?: () => number;
}

const DEFAULTS = {
  classes: { steps: 50, sampler: 'ddim', guidanceScale: 1.5 },
  text: { steps: 20, sampler: 'dpm++2m', guidanceScale: 4.5 },
} as const;

/** What a run has where its options are silent. */
export function defaultsOf(
  network: Pick<Network, 'conditions'>,
  scheduler?: SchedulerConfig,
): { readonly steps: number; readonly sampler: SamplerName; readonly guidanceScale: number } {
  const own = textCondition(network) ? DEFAULTS.text : DEFAULTS.classes;
  return scheduler ? { ...own, sampler: samplerOfScheduler(scheduler) } : own;
}

/** The run's own or the model's; with timesteps of ADM the model's is out of use. */
function schedulerOf(options: AnySampleOptions, model: SampledModel): SchedulerConfig | undefined {
  const isOfAdm = (RESPACINGS as readonly unknown[]).includes(options.spacing);
  return options.scheduler ?? (isOfAdm ? undefined : model.scheduler);
}

/**
 * Throws an `ArgumentError` that names the first option which is not what it must be. Fields that are no sample options are
 * left out: callers have options of their own.
 */
export function resolveOptions(options: AnySampleOptions, model: SampledModel): ResolvedOptions {
  const { network } = model;
  const text = resolveText(options, network);
  const labels = text ? [] : resolveLabels(options, model);
  const images = text ? text.images : labels.length;
  const scheduler = schedulerOf(options, model);
  // A scheduler without a class serves where a sampler is named.
  const defaults = defaultsOf(network, options.sampler === undefined ? scheduler : undefined);
  const batch = options.batch ?? Math.min(images, DEFAULT_BATCH);
  requireInteger('batch', batch, 1);
  const run = {
    ...pickOptions(options, OWN_OPTION_NAMES),
    labels,
    images,
    ...(text && { text }),
    ...resolveSize(options, network, model.pixelsPerLatent ?? (() => USUAL_SCALE)),
    ...(scheduler && { scheduler }),
    steps: options.steps ?? defaults.steps,
    sampler: options.sampler ?? defaults.sampler,
    guidanceScale: options.guidanceScale ?? defaults.guidanceScale,
    guidanceChannels: options.guidanceChannels ?? network.guidanceChannels,
    seed: options.seed ?? 0,
    firstImage: options.firstImage ?? 0,
    batch: isGated(options.cache?.policy) ? 1 : batch,
    cache: options.cache ?? {},
  };
  requireInteger('steps', run.steps, 1, 1000);
  requireNumber('guidanceScale', run.guidanceScale, 0);
  requireInteger('guidanceChannels', run.guidanceChannels, 1, network.latents.channels);
  requireInteger('seed', run.seed, 0);
  requireInteger('firstImage', run.firstImage, 0, 2 ** 32 - images);
  requireObject('cache', run.cache, 'an object of options');
  const each = resolveImages(options.perImage, run);
  const resolved = { ...run, guidanceScale: each[0]!.guidanceScale, each };
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal))
    throw new ArgumentError('signal', options.signal, 'an AbortSignal');
  if (options.noise !== undefined && !(options.noise instanceof Float32Array))
    throw new ArgumentError('noise', options.noise, 'a Float32Array');
  const values = images * latentSize(network, resolved.geometry);
  if (options.noise && options.noise.length !== values)
    throw new ArgumentError(
      'noise',
      `${options.noise.length} values`,
      `${values}, one for every element of the images`,
    );
  const bad = options.noise?.findIndex((value) => !Number.isFinite(value)) ?? -1;
  if (bad >= 0) throw new ArgumentError(`noise[${bad}]`, options.noise![bad], 'a finite number');
  return resolved;
}

function resolveLabels({ labels }: AnySampleOptions, model: SampledModel): number[] {
  if (!Array.isArray(labels) || labels.length === 0)
    throw new ArgumentError('labels', labels, 'a list of at least one label');
  return labels.map((label: Label) => model.labels.find(label));
}

/** Pixels per latent of Stable Diffusion's autoencoder. */
const USUAL_SCALE = 8;
