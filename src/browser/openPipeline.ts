/** A pipeline for a page: the engine is in a worker, so that the page stays responsive and files can be read. */
import type { FactorSet } from '../cache/data/factorSet.js';
import { ArgumentError, IncacheError } from '../errors.js';
import { LabelTable } from '../models/labelTable.js';
import { classesOf, type NetworkInfo } from '../models/network.js';
import type { AnyCacheOptions, SampleOptions } from '../pipeline/options.js';
import { Picture } from '../pipeline/picture.js';
import { previewOf } from '../pipeline/preview.js';
import type { SampledLatents, SampleResult, SampleStep } from '../pipeline/result.js';
import { type CallOptions, RemoteCalls } from './calls.js';
import type {
  CalibrateRequest,
  DecodeRequest,
  EngineMethods,
  EngineOptions,
  ModelInfo,
  RemoteSampleOptions,
  SchedulePlan,
  StepErrors,
} from './engineMethods.js';
import { modelParts, type PageModel, pageAddress } from './modelParts.js';
import { browserSupport } from './support.js';

/** Where the small model of digits lies beside the bundle in a checkout, or is put by who serves it: 10 classes, 1 channel of 32 x 32 pixels. */
export const EMBEDDED_MODEL_URL: string = new URL(
  '../../models/digits/dit-digits.safetensors',
  import.meta.url,
).href;

/** 512 training images of that model, for `PagePipeline.calibrate`. */
export const EMBEDDED_CALIBRATION_IMAGES_URL: string = new URL(
  '../../models/digits/calibration-images.safetensors',
  import.meta.url,
).href;

export interface OpenPipelineOptions extends EngineOptions {
  /** The autoencoder that makes pictures of latents. Default: the folder `vae` of the model, if it has one. */
  readonly vae?: PageModel;
  /** Whether downloads stay with the browser for the next visit. Default `false`. */
  readonly keep?: boolean;
  readonly signal?: AbortSignal;
  /** Called while files are fetched: bytes so far, and all, 0 where the server does not say. */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

export interface DownloadProgress {
  readonly name: string;
  readonly done: number;
  readonly total: number;
}

/** Calls that take long tell how far they are. */
export interface WorkOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** Options of a cache whose values are objects of this package that live where they are made. */
const UNPORTABLE = ['rule', 'schedule', 'errors', 'table'] as const;

/**
 * Starts a worker with the engine and opens a model in it; default: the small model of digits. Rejects with an `IncacheError`
 * that says why where the browser lacks something or a file is no model, and with the reason of `signal`.
 */
export async function openPipeline(
  model: PageModel = EMBEDDED_MODEL_URL,
  options: OpenPipelineOptions = {},
): Promise<PagePipeline> {
  const { vae, keep = false, signal, onProgress, ...engineOptions } = options;
  const { problem } = browserSupport();
  if (problem !== undefined) throw new IncacheError(problem);
  const request = {
    model: modelParts('model', model),
    vae: vae === undefined ? undefined : modelParts('vae', vae),
    keep,
    options: engineOptions,
  };
  const worker = new Worker(new URL('./engine.js', import.meta.url), {
    type: 'module',
    name: 'incache engine',
  });
  const calls = new RemoteCalls<EngineMethods>(worker);
  try {
    const info = await calls.call('open', request, { signal, onProgress });
    return new PagePipeline(calls, info);
  } catch (error) {
    calls.fail('the pipeline was not opened');
    throw error;
  }
}

export class PagePipeline implements AsyncDisposable {
  readonly info: ModelInfo;
  readonly labels: LabelTable;
  readonly #calls: RemoteCalls<EngineMethods>;
  /** The numbers under which the worker knows sets of factors. */
  readonly #factors = new WeakMap<FactorSet, number>();
  #nextFactors = 1;

  /** For `openPipeline`. */
  constructor(calls: RemoteCalls<EngineMethods>, info: ModelInfo) {
    this.#calls = calls;
    this.info = info;
    this.labels = new LabelTable(classesOf(info.network), info.labelNames);
  }

  get network(): NetworkInfo {
    return this.info.network;
  }

  /** sha256 over all tensors of the model. */
  hash(signal?: AbortSignal): Promise<string> {
    return this.#calls.call('hash', undefined, { signal });
  }

  /** What every step of such a run does with every layer, and what the run costs. */
  plan({ signal, ...options }: SampleOptions): Promise<SchedulePlan> {
    return this.#remotely(options, (remote) => this.#calls.call('plan', remote, { signal }));
  }

  /** As `Pipeline.sample`. Several runs may be under way at once, and take turns. */
  async *sample({ signal, ...options }: SampleOptions): AsyncGenerator<SampleStep, SampledLatents> {
    const call: CallOptions = { signal };
    const run = await this.#remotely(options, (remote) => this.#calls.call('start', remote, call));
    let ended = false;
    try {
      for (;;) {
        const next = await this.#calls.call('next', run, call);
        if (next.done) {
          ended = true;
          return next.result;
        }
        const { values, shape, ...step } = next.step;
        yield { ...step, latents: () => values.slice(), preview: () => previewOf(values, shape) };
      }
    } finally {
      if (!ended) await this.#calls.call('stop', run).catch(() => undefined);
    }
  }

  /** Samples to the end and decodes the latents. `onStep` is called after every step. */
  async generate(options: SampleOptions, onStep?: (step: SampleStep) => void): Promise<SampleResult> {
    const result = await this.generateLatents(options, onStep);
    if (!this.info.hasPictures) return { ...result, images: [] };
    const { latents, shape, pictureSize } = result;
    return { ...result, images: await this.decode(latents, shape, options.signal, pictureSize) };
  }

  /** As `generate`, without decoding. */
  async generateLatents(
    options: SampleOptions,
    onStep?: (step: SampleStep) => void,
  ): Promise<SampledLatents> {
    const run = this.sample(options);
    for (;;) {
      const { done, value } = await run.next();
      if (done) return value;
      onStep?.(value);
    }
  }

  /** Pictures of latents (images x channels x height x width); with `size`, in pixels, resized and cropped. */
  async decode(
    latents: DecodeRequest['latents'],
    shape: DecodeRequest['shape'],
    signal?: AbortSignal,
    size?: DecodeRequest['size'],
  ): Promise<Picture[]> {
    const pictures = await this.#calls.call('decode', { latents, shape, size }, { signal });
    return pictures.map(({ width, height, channels, data }) => new Picture(width, height, channels, data));
  }

  /** Factors of the model's linears, calibrated on pictures or on trajectories of its own. `savedFile` has them as a file, `readFactors` reads it again. */
  async calibrate(request: CalibrateRequest, options: WorkOptions = {}): Promise<FactorSet> {
    const { id, set } = await this.#calls.call('calibrate', withAddress(request), options);
    const { factorsOf } = await import('./portableCache.js');
    const factors = factorsOf(set);
    this.#factors.set(factors, id);
    return factors;
  }

  /** Where along the steps and sublayers a cached run leaves the run without a cache; takes both runs. */
  errors({ signal, ...options }: SampleOptions, { onProgress }: WorkOptions = {}): Promise<StepErrors[]> {
    return this.#remotely(options, (remote) => this.#calls.call('errors', remote, { signal, onProgress }));
  }

  /** Ends the worker, its threads, and runs under way, which reject. */
  async dispose(): Promise<void> {
    await this.#calls.call('dispose', undefined).catch(() => undefined);
    this.#calls.fail('this pipeline has been disposed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** What the cache is made with goes beside the options; a set of factors the first time that it is used. */
  async #remotely<R>(
    options: Omit<SampleOptions, 'signal'>,
    call: (remote: RemoteSampleOptions) => Promise<R>,
  ): Promise<R> {
    const given: AnyCacheOptions = options.cache ?? {};
    for (const name of UNPORTABLE)
      if (given[name] !== undefined)
        throw new ArgumentError(name, given[name], 'nothing: it cannot be passed to the worker of a page');
    const { factors, fits, recipe, ...cache } = given;
    if (!factors && !fits && !recipe) return call({ ...options, cache });
    const { requireMadeHere } = await import('./portableCache.js');
    requireMadeHere(given);
    const made = {
      ...(fits && { fits: { info: fits.info, features: fits.features } }),
      ...(recipe && { recipe: { info: recipe.info, parameters: recipe.parameters } }),
    };
    if (!factors) return call({ ...options, cache, ...made });
    const known = this.#factors.get(factors);
    const id = known ?? this.#nextFactors++;
    const set = known === undefined && { set: { info: factors.info, layers: factors.layers } };
    const result = await call({ ...options, cache, ...made, factors: { id, ...set } });
    this.#factors.set(factors, id);
    return result;
  }
}

/** An address of images means what it means in the page. */
function withAddress({ source, ...request }: CalibrateRequest): CalibrateRequest {
  if (!source) return request;
  if (!('images' in source) || typeof source.images !== 'string') return { ...request, source };
  return { ...request, source: { ...source, images: new URL(source.images, pageAddress()).href } };
}
