/** The way in: a model on a device, from which images are sampled. */
import { promptsOf, withParts } from '#platform/parts';
import { basename } from '#platform/paths';
import type { Device, DeviceWeights, WeightSource } from '../backend/backend.js';
import { DEVICE_OPTION_NAMES, openDevice } from '../backend/choose.js';
import { atOnce, inTurns, type Pieces } from '../backend/eventLoop.js';
import type { FactorSet } from '../cache/data/factorSet.js';
import type { BatchShape } from '../engine/autoencoder.js';
import { DenoiserCheckpoint } from '../engine/checkpoint.js';
import type { DenoisingSession } from '../engine/session.js';
import type { SessionOptions, SessionPlan } from '../engine/sessionPlan.js';
import { ArgumentError, IncacheError } from '../errors.js';
import { latentSize, type Network } from '../models/network.js';
import { pickOptions, requireOptions } from '../optionNames.js';
import { denoiseBatch } from './batch.js';
import { requireParameters } from './cachePolicy.js';
import { type PictureOptions, PipelineDecoder } from './decoder.js';
import { DeviceFactors } from './deviceFactors.js';
import { takeSteps, withPictures } from './generate.js';
import { LOAD_OPTION_NAMES, type LoadOptions } from './loadOptions.js';
import {
  type AnySampleOptions,
  type ResolvedOptions,
  resolveOptions,
  SAMPLE_OPTION_NAMES,
  type SampleOptions,
} from './options.js';
import { imageNormals } from './perImage.js';
import type { Picture } from './picture.js';
import { distinctConditions, planningBatch } from './planBatch.js';
import type { SampledLatents, SampleReport, SampleResult, SampleStep } from './result.js';
import { samplerOf } from './samplerOf.js';
import { type BatchConditions, isGuided, labelConditions } from './sequences.js';
import { sessionKey } from './sessionKey.js';
import { type SessionCounts, SessionPool } from './sessionPool.js';
import type { TextEmbeddings } from './text/embeddings.js';
import type { TextEncoderKey } from './text/promptEncoder.js';
import type { NegativeText, Prompts } from './text/prompts.js';
import { textConditions } from './text/textConditions.js';
import type { TextEncoderOptions } from './text/textEncoderOptions.js';
import {
  EMBED_OPTION_NAMES,
  type EmbedOptions,
  type ResolvedText,
  resolveText,
  type TextOptions,
} from './text/textOptions.js';

/** Streams of the counter-based generator: the initial noise, then one per step. */
const INITIAL_NOISE_STREAM = 0;

/** A model on a device, from which images are sampled. `Pipeline.load` makes one; `dispose` frees it. */
export class Pipeline implements AsyncDisposable {
  readonly network: Network;
  readonly device: Device;
  readonly checkpoint: DenoiserCheckpoint;
  readonly weights: DeviceWeights;
  readonly decoder: PipelineDecoder;
  readonly #sessions: SessionPool;
  readonly #factors = new DeviceFactors(
    () => this.weights,
    (prefix) => this.#sessions.clear(prefix),
  );
  readonly #textEncoder: TextEncoderOptions;
  #prompts: Prompts | undefined;
  #disposed = false;

  private constructor(
    checkpoint: DenoiserCheckpoint,
    decoder: PipelineDecoder,
    device: Device,
    options: TextEncoderOptions,
  ) {
    this.checkpoint = checkpoint;
    this.decoder = decoder;
    this.network = checkpoint.network;
    this.device = device;
    this.weights = device.loadWeights(this.#weightSource());
    this.#sessions = new SessionPool(device, () => this.weights);
    this.#textEncoder = options;
  }

  /**
   * Opens the checkpoint at `path` on a backend: a file or folder in any of the forms that `DenoiserCheckpoint` reads. Weights
   * are read when the first plan needs them. Throws a `FormatError` for a file that is no DiT, an `ArgumentError` for an
   * unknown backend.
   */
  static async load(path: string, options: LoadOptions = {}): Promise<Pipeline> {
    requireOptions('options', options, LOAD_OPTION_NAMES);
    const checkpoint = await withParts(() => new DenoiserCheckpoint(path, options));
    let decoder: PipelineDecoder | undefined;
    try {
      decoder = await withParts(() => new PipelineDecoder(checkpoint, options.vae, options));
      const device = await openDevice(options.backend, pickOptions(options, DEVICE_OPTION_NAMES));
      return new Pipeline(checkpoint, decoder, device, options);
    } catch (error) {
      decoder?.dispose();
      checkpoint.dispose();
      throw error;
    }
  }

  /** The options of a run with nothing left open. Throws an `ArgumentError` that names the first one which is not what it must be. */
  resolve(options: AnySampleOptions): ResolvedOptions {
    const { network, labels, scheduler } = this.checkpoint;
    return resolveOptions(options, {
      network,
      labels,
      scheduler,
      pixelsPerLatent: () => this.decoder.pixelsPerLatent,
    });
  }

  /**
   * Embeddings of prompts, for `saveEmbeddings` and option `embeddings`. What was done to prompts is added to `notes`, a sentence
   * each. Rejects with an `IncacheError` where the model has no text encoder.
   */
  async embed(options: EmbedOptions, notes: string[] = []): Promise<TextEmbeddings> {
    this.#requireOpen();
    requireOptions('options', options, EMBED_OPTION_NAMES);
    const text = resolveText(options, this.network);
    if (!text)
      throw new ArgumentError('prompts', options.prompts, 'no value, because the model takes labels');
    return (await withParts(() => this.#texts())).embed(text, true, notes, options.signal);
  }

  /**
   * What tells the text encoder and the tokenizer that embed the texts of a run from all others. Undefined where none does, since
   * the run has embeddings, or no texts. Throws as opening them does.
   */
  textEncoderOf(options: TextOptions): TextEncoderKey | undefined {
    return this.#texts().encoderOf(options);
  }

  /** What guidance leads away from in a run of these texts; undefined where that needs a text encoder which is not there. */
  async negativeText(text: ResolvedText): Promise<NegativeText | undefined> {
    this.#requireOpen();
    return (await withParts(() => this.#texts())).negative(text, []);
  }

  /** What images [first, first + count) of a run are conditioned on; what was done to prompts is added to `notes`. */
  async conditionsOf(
    { text, labels, pixels, guidanceScale, signal }: ResolvedOptions,
    notes: string[] = [],
  ): Promise<(first: number, count: number) => BatchConditions> {
    const { network } = this;
    if (!text) return (first, count) => labelConditions(network, labels.slice(first, first + count));
    const prompts = await withParts(() => this.#texts());
    const embeddings = await prompts.embed(text, isGuided(guidanceScale), notes, signal);
    return (first, count) => textConditions(network, embeddings, pixels, first, count);
  }

  /**
   * The plans, costs and memory of one batch of such a run, without taking any memory. `onSublayer` may append operations
   * behind every sublayer.
   */
  plan(options: SampleOptions, onSublayer?: SessionOptions['onSublayer']): SessionPlan {
    this.#requireOpen();
    requireOptions('options', options, SAMPLE_OPTION_NAMES);
    return this.planResolved(this.resolve(options), onSublayer);
  }

  /** As `plan`, of options with nothing left open and for a batch of `images`. Default: the largest batch of the run. */
  planResolved(
    resolved: ResolvedOptions,
    onSublayer?: SessionOptions['onSublayer'],
    images = Math.min(resolved.batch, resolved.images),
  ): SessionPlan {
    const conditions = distinctConditions(resolved, this.network);
    return atOnce(this.#planningBatch(resolved, images, conditions, onSublayer));
  }

  /**
   * Samples and yields every step; returns the result. Image i is the same whatever the batch. Under a policy that decides while
   * it runs (`teacache`, `first-block`, `fastcache`, `easycache`, `magcache`) batches have one image. Several runs may be under way at once, and take
   * turns. What a run has set up on the device stays for the next one with the same options, see `releaseSessions`.
   */
  async *sample(options: SampleOptions): AsyncGenerator<SampleStep, SampledLatents> {
    this.#requireOpen();
    requireOptions('options', options, SAMPLE_OPTION_NAMES);
    const resolved = await withParts(() => this.resolve(options));
    resolved.signal?.throwIfAborted();
    const sampler = samplerOf(resolved, this.network);
    // Whether they belong to this model is asked of its hash.
    const { factors, errors, fits, recipe } = resolved.cache;
    if (factors || errors || fits || recipe) await this.checkpoint.loadHash(resolved.signal);
    const { channels } = this.network.latents;
    const { height, width } = resolved.geometry;
    const size = latentSize(this.network, resolved.geometry);
    const count = resolved.images;
    const conditions = distinctConditions(resolved, this.network);
    const notes: string[] = [];
    const started = performance.now();
    const conditionsOf = await this.conditionsOf(resolved, notes);
    const textMilliseconds = performance.now() - started;
    const totals = {
      macs: 0,
      milliseconds: 0,
      setupMilliseconds: 0,
      memory: undefined as SampleReport['memory'] | undefined,
    };
    const cachedBlocks: number[][] = [];
    let gated = false;
    let session: DenoisingSession | undefined;
    try {
      const begun = performance.now();
      // Before the noise is drawn: what cannot fit is refused here.
      session = await this.#lend(resolved, Math.min(resolved.batch, count), conditions);
      totals.setupMilliseconds += performance.now() - begun;
      const latents = sampler.initialLatents(
        resolved.noise ?? imageNormals(resolved.each, INITIAL_NOISE_STREAM, size),
      );
      const batches = Math.ceil(count / resolved.batch);
      for (let batch = 0; batch < batches; batch++) {
        const first = batch * resolved.batch;
        const images = Math.min(resolved.batch, count - first);
        const each = resolved.each.slice(first, first + images);
        const sequences = images * (isGuided(resolved.guidanceScale) ? 2 : 1);
        const started = performance.now();
        if (session.plan.sequences !== sequences) {
          this.#sessions.giveBack(session);
          session = undefined;
          session = await this.#lend(resolved, images, conditions);
        }
        totals.memory ??= session.plan.memory;
        totals.setupMilliseconds += performance.now() - started;
        gated ||= session.plan.gate !== undefined;
        cachedBlocks.push([]);
        totals.macs += session.plan.conditioningMacs;
        const steps = denoiseBatch({
          network: this.network,
          session,
          sampler,
          conditions: conditionsOf(first, images),
          guidanceScale: each.map(({ guidanceScale }) => guidanceScale),
          guidanceChannels: resolved.guidanceChannels,
          latents: latents.subarray(first * size, (first + images) * size),
          noise: (step) => imageNormals(each, 1 + step, size),
          firstImage: resolved.firstImage + first,
          signal: resolved.signal,
        });
        for await (const step of steps) {
          totals.macs += step.macs;
          totals.milliseconds += step.milliseconds;
          cachedBlocks[batch]!.push(step.cachedBlocks);
          yield { ...step, batch, batches };
        }
      }
      const { memory, ...sums } = totals;
      return {
        latents,
        shape: [count, channels, height, width],
        ...(resolved.pictureSize && { pictureSize: resolved.pictureSize }),
        report: {
          images: count,
          batch: Math.min(resolved.batch, count),
          steps: sampler.timesteps.length,
          sampler: sampler.name,
          ...sums,
          memory: memory!,
          ...(gated && { cachedBlocks }),
          ...(resolved.text && { textMilliseconds }),
          ...(notes.length > 0 && { notes }),
        },
      };
    } catch (error) {
      if (session) this.#sessions.drop(session);
      session = undefined;
      throw error;
    } finally {
      if (session) this.#sessions.giveBack(session);
    }
  }

  /**
   * Samples to the end and decodes the latents. `onStep` is called after every step. Rejects with a `DecodeError`, which has the
   * latents in its field `sampled`, when the decoder fails; an autoencoder that cannot be opened is refused before the first step.
   */
  async generate(options: SampleOptions, onStep?: (step: SampleStep) => void): Promise<SampleResult> {
    const { decoder } = this;
    if (!decoder.isPresent) return { ...(await this.generateLatents(options, onStep)), images: [] };
    this.#requireOpen();
    if (decoder.hasAutoencoder) await withParts(() => decoder.checkpoint());
    const sampled = await this.generateLatents(options, onStep);
    const { signal } = options;
    return withPictures(
      sampled,
      ({ latents, shape, pictureSize: size }) => this.decode(latents, shape, { signal, size }),
      signal,
    );
  }

  /** As `generate`, without decoding. */
  async generateLatents(
    options: SampleOptions,
    onStep?: (step: SampleStep) => void,
  ): Promise<SampledLatents> {
    return takeSteps(this.sample(options), onStep);
  }

  /**
   * Pictures of latents (images x channels x height x width), one after another; in tiles where the device has not enough
   * memory for a whole one. Rejects with an `IncacheError` that says how to name an autoencoder where the model has none.
   */
  async decode(latents: Float32Array, shape: BatchShape, options: PictureOptions = {}): Promise<Picture[]> {
    this.#requireOpen();
    return withParts(() => this.decoder.decode(this.device, latents, shape, options));
  }

  /**
   * Frees the factors' weights on the device, as soon as no run uses them. It is needed only where memory is short: factors
   * with the same numbers are on the device once, and of those that no run uses the last two sets stay.
   */
  releaseFactors(factors: FactorSet): void {
    this.#factors.release(factors);
  }

  /**
   * Frees what earlier runs have left for others like them: compiled plans, caches and tensors of at most eight sessions. It is
   * seldom needed, since they go by themselves when memory is short.
   */
  releaseSessions(): void {
    this.#sessions.clear();
  }

  /** How often `sample` had to set up a session, and how often it has found one of an earlier run. */
  get sessionCounts(): SessionCounts {
    return this.#sessions.counts;
  }

  /** Frees the model and the device. Runs under way fail at their next step. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    this.#sessions.dispose();
    this.weights.dispose();
    this.#prompts?.dispose();
    this.decoder.dispose();
    this.checkpoint.dispose();
    await this.device.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** One line for `console.log`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const { backend, threads } = this.device;
    const { width, blocks } = this.network;
    const state = this.#disposed ? 'disposed' : `${backend}, ${threads} threads`;
    return `Pipeline { ${basename(this.checkpoint.path)}, ${blocks.length} blocks of width ${width}, ${state} }`;
  }

  #texts(): Prompts {
    this.#requireOpen();
    this.#prompts ??= promptsOf(this.checkpoint, this.device, this.#textEncoder);
    return this.#prompts;
  }

  #requireOpen(): void {
    if (this.#disposed) throw new IncacheError('this pipeline has been disposed');
  }

  /** A session for a batch of `images`; see `SessionPool`. */
  #lend(options: ResolvedOptions, images: number, conditions: number): Promise<DenoisingSession> {
    return withParts(() => {
      requireParameters(options.cache);
      const key = sessionKey(options, images, conditions, (factors) => this.#factors.prefixOf(factors));
      return this.#sessions.lend(key, () => inTurns(this.#planningBatch(options, images, conditions)));
    });
  }

  #planningBatch(
    options: ResolvedOptions,
    images: number,
    conditions: number,
    onSublayer?: SessionOptions['onSublayer'],
  ): Pieces<SessionPlan> {
    return planningBatch(this.checkpoint, options, {
      images,
      conditions,
      activations: this.device.activations,
      onSublayer,
      factorPrefix: (factors) => this.#factors.prefixOf(factors),
      holdFactors: (factors) => this.#factors.hold(factors),
    });
  }

  /** The checkpoint's tensors, and those of the factors in use. */
  #weightSource(): WeightSource {
    return { read: (name) => this.#factors.read(name) ?? this.checkpoint.readStored(name) };
  }
}
