/** What a caller may ask of a sampling run, checked and with its defaults filled in. */

import type { CachePolicyName } from '../cache/cachePolicy.js';
import type { Kept } from '../cache/gatedPolicy.js';
import type { RouterTable } from '../cache/routerTable.js';
import type { Granularity, Schedule } from '../cache/schedule.js';
import type { ErrorTable } from '../calibrate/errorTable.js';
import type { FactorSet } from '../calibrate/factorSet.js';
import type { SamplerName, SamplerSettings } from '../diffusion/sampler.js';
import { ArgumentError, requireInteger, requireNumber } from '../errors.js';
import type { CacheForm } from '../models/actions.js';
import type { DiTConfig } from '../models/config.js';
import type { RowScaledType } from '../plan/types.js';

/** Which steps and layers are gathered, and what is done on the others. What a policy does not take is ignored. */
export interface CacheOptions {
  /** Default `none`. */
  readonly policy?: CachePolicyName;
  /** Of `reuse`, `calibrated` and `taylorseer`: gather everything at every `period`-th step. Default 2, of the last 3. */
  readonly period?: number;
  /** Gather everything at these steps instead, step 0 among them. */
  readonly gatherSteps?: readonly number[];
  /** Gather where this rule says so instead; step 0 always gathers. */
  readonly rule?: (step: number, layer: string) => boolean;
  /** Columns of G and S for `rule`. Default `linear`. */
  readonly granularity?: Granularity;
  /** G and S as given, instead. */
  readonly schedule?: Schedule;
  /** Of `calibrated`; with them the others calibrate too what they would reuse. */
  readonly factors?: FactorSet;
  /** Of `learning-to-cache`, see `loadRouterTable`. */
  readonly table?: RouterTable;
  /** Of `learning-to-cache`: sublayers above it are recomputed. Default 0.1. */
  readonly theta?: number;
  /** Of `searched` and `mixed`, see `measureErrors`. */
  readonly errors?: ErrorTable;
  /** Of `searched` and `mixed`: MACs of the steps, as a share of those without a cache. */
  readonly budget?: number;
  /**
   * Of `taylorseer`: of the series, from 0 to 3. Default 1. Of `calibrated`: 1 to calibrate against the line through the
   * last two stored steps, 0 (the default) against the last one.
   */
  readonly order?: number;
  /**
   * Of `teacache`, `first-block` and `fastcache`: the relative change below which a step or a block is cached; 0 caches
   * nothing.
   */
  readonly threshold?: number;
  /** Of these and of `taylorseer`: steps at the start that are computed in full. Default 1, 8, 1 and 2. */
  readonly warmup?: number;
  /** Of `teacache`: coefficients of what the change goes through, that of the highest power first. Default [1, 0]. */
  readonly polynomial?: readonly number[];
  /** Of `first-block`: blocks before the gate, and at the end, that always run. Default 1 and 0. */
  readonly firstBlocks?: number;
  readonly lastBlocks?: number;
  /** Of `first-block`: cached steps in a row at most. Default 3. */
  readonly maxCached?: number;
  /**
   * Of `teacache`, `first-block` and `fastcache`: what is kept of the blocks that are cached. Default `residual`; with
   * factors `outputs`.
   */
  readonly keep?: Kept;
  /** Keep inputs as they are (`input`, the default) or multiplied by Wb (`rank`, less memory). */
  readonly form?: CacheForm;
  /**
   * Keep the inputs and outputs of linears in 8 bits, with a scale a token (`e4m3`), not as activations are. What the rank
   * form keeps stays in float32. Backends `cuda`, `native` and `reference`.
   */
  readonly type?: RowScaledType;
}

export interface SampleOptions extends SamplerSettings {
  /** One class label an image, from 0 to the number of classes (the last is the null class). */
  readonly labels: readonly number[];
  /** Denoising steps. Default 50. */
  readonly steps?: number;
  /** Default `ddim`. */
  readonly sampler?: SamplerName;
  /** Classifier-free guidance scale; 1 is none. Default 1.5. */
  readonly guidanceScale?: number;
  /** Guide the first so many noise channels. Default: as the original code, 3 in Meta's DiT and all in diffusers. */
  readonly guidanceChannels?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Place of the first image in the seed's sequence of images. Default 0. */
  readonly firstImage?: number;
  /** Start from this noise (images x channels x height x width) instead of the seed's. */
  readonly noise?: Float32Array;
  /** Images denoised together. Default: all, at most 16. */
  readonly batch?: number;
  readonly cache?: CacheOptions;
  /** Stops the run between two steps; it then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** `SampleOptions` with nothing left open. */
export type ResolvedOptions = SampleOptions &
  Required<
    Pick<
      SampleOptions,
      'steps' | 'sampler' | 'guidanceScale' | 'guidanceChannels' | 'seed' | 'firstImage' | 'batch' | 'cache'
    >
  >;

const DEFAULT_BATCH = 16;

/** Throws an `ArgumentError` that names the first option which is not what it must be. */
export function resolveOptions(options: SampleOptions, config: DiTConfig): ResolvedOptions {
  const { labels } = options;
  if (labels.length === 0) throw new ArgumentError('labels', labels, 'at least one label');
  for (const label of labels) requireInteger('label', label, 0, config.classes);
  const resolved = {
    ...options,
    steps: options.steps ?? 50,
    sampler: options.sampler ?? 'ddim',
    guidanceScale: options.guidanceScale ?? 1.5,
    guidanceChannels: options.guidanceChannels ?? config.guidanceChannels ?? config.inChannels,
    seed: options.seed ?? 0,
    firstImage: options.firstImage ?? 0,
    batch: options.batch ?? Math.min(labels.length, DEFAULT_BATCH),
    cache: options.cache ?? {},
  };
  requireInteger('steps', resolved.steps, 1, 1000);
  requireNumber('guidanceScale', resolved.guidanceScale, 0);
  requireInteger('guidanceChannels', resolved.guidanceChannels, 1, config.inChannels);
  requireInteger('seed', resolved.seed, 0);
  requireInteger('firstImage', resolved.firstImage, 0, 2 ** 32 - labels.length);
  requireInteger('batch', resolved.batch, 1);
  const values = labels.length * config.inChannels * config.inputSize ** 2;
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
