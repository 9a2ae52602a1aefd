/** A file of `exportModel` on a device, sampled as programs do that embed the C library. */
import { basename } from '#platform/paths';
import type { Device, DeviceOptions, DeviceWeights } from '../backend/backend.js';
import { DEVICE_OPTION_NAMES, openDevice } from '../backend/choose.js';
import { batchNormals } from '../diffusion/philox.js';
import { type Sampler, samplerOfTable } from '../diffusion/sampler.js';
import type { BatchShape } from '../engine/autoencoder.js';
import { BoundPlan } from '../engine/boundPlan.js';
import { settingsWithin } from '../engine/modelSettings.js';
import { requireMemory } from '../engine/requireMemory.js';
import { DenoisingSession } from '../engine/session.js';
import { memoryOf, type SessionPlan } from '../engine/sessionPlan.js';
import { ArgumentError, IncacheError, requireInteger } from '../errors.js';
import { type Label, LabelTable } from '../models/labelTable.js';
import { type Condition, classesOf, type Network } from '../models/network.js';
import { type OptionNames, pickOptions, requireOptions } from '../optionNames.js';
import { denoiseBatch } from '../pipeline/batch.js';
import { takeSteps, withPictures } from '../pipeline/generate.js';
import { SAMPLE_OPTION_NAMES } from '../pipeline/options.js';
import { isPictureSpace, type Picture, picturesOf } from '../pipeline/picture.js';
import type { SampledLatents, SampleReport, SampleResult, SampleStep } from '../pipeline/result.js';
import { type BatchConditions, labelConditions } from '../pipeline/sequences.js';
import { Prompts } from '../pipeline/text/prompts.js';
import { textConditions } from '../pipeline/text/textConditions.js';
import { TEXT_ENCODER_OPTION_NAMES, type TextEncoderOptions } from '../pipeline/text/textEncoderOptions.js';
import {
  type ResolvedText,
  resolveText,
  TEXT_OPTION_NAMES,
  type TextOptions,
} from '../pipeline/text/textOptions.js';
import { planCost } from '../plan/cost.js';
import { SafetensorsFile } from '../weights/safetensors.js';
import { readStored } from '../weights/tensorSource.js';
import { promptModelOf } from './exportedText.js';
import type { ModelHeader } from './format.js';
import { conditionsOf } from './inputs.js';
import { readHeader } from './readHeader.js';

/** The text encoder and the tokenizer of a model of prompts are looked for in the folder of the file. */
export interface ExportedPipelineOptions extends DeviceOptions, TextEncoderOptions {
  /** Name of the backend; default: the fastest one present. */
  readonly backend?: string;
}

/** What the file leaves open; all else was decided at the export. */
export interface ExportedSampleOptions extends TextOptions {
  /** For a model of classes: one for each image, as many as there are to be; the file's batches are filled up. */
  readonly labels?: readonly Label[];
  /** Default 0. */
  readonly seed?: number;
  /** Place of the first image in the seed's sequence of images. Default 0. */
  readonly firstImage?: number;
  readonly signal?: AbortSignal;
}

const LOAD_OPTION_NAMES: OptionNames<ExportedPipelineOptions> = {
  ...DEVICE_OPTION_NAMES,
  ...TEXT_ENCODER_OPTION_NAMES,
  backend: true,
};

const OPTION_NAMES: OptionNames<ExportedSampleOptions> = {
  ...TEXT_OPTION_NAMES,
  labels: true,
  seed: true,
  firstImage: true,
  signal: true,
};

export class ExportedPipeline implements AsyncDisposable {
  readonly header: ModelHeader;
  readonly device: Device;
  /** Names of the classes: the model's, else ImageNet's for 1000 of them. */
  readonly labels: LabelTable;
  readonly #file: SafetensorsFile;
  readonly #weights: DeviceWeights;
  readonly #plan: SessionPlan;
  /** As far as the file tells. */
  readonly network: Pick<Network, 'latents' | 'predicts' | 'conditions'>;
  readonly #prompts: Prompts;
  #disposed = false;

  private constructor(
    file: SafetensorsFile,
    header: ModelHeader,
    conditions: readonly Condition[],
    device: Device,
    options: TextEncoderOptions,
  ) {
    this.#file = file;
    this.header = header;
    this.device = device;
    this.network = networkOf(header, conditions);
    this.labels = LabelTable.of(classesOf(this.network), settingsWithin(file.metadata).id2label);
    this.#prompts = new Prompts(promptModelOf(file, header, conditions), device, options);
    this.#plan = sessionPlanOf(header);
    this.#weights = device.loadWeights({ read: (name) => readStored(file, name) });
  }

  /** Opens the file at `path` on a backend. Throws a `FormatError` for another file or a damaged one. */
  static async load(path: string, options: ExportedPipelineOptions = {}): Promise<ExportedPipeline> {
    requireOptions('options', options, LOAD_OPTION_NAMES);
    const file = SafetensorsFile.open(path);
    try {
      const header = readHeader(file);
      const conditions = conditionsOf(header, path);
      const device = await openDevice(options.backend, pickOptions(options, DEVICE_OPTION_NAMES));
      return new ExportedPipeline(file, header, conditions, device, options);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get path(): string {
    return this.#file.path;
  }

  /** Whether latents can become pictures: by the file's decoder, or because they are pictures. */
  get hasPictures(): boolean {
    return this.header.decoder !== undefined || isPictureSpace(this.header.channels);
  }

  /**
   * Samples and yields every step; returns the result: the latents of `Pipeline.sample` for these labels or texts and this
   * seed with the options of the export. Throws an `ArgumentError` for an option that the file has fixed.
   */
  async *sample(options: ExportedSampleOptions): AsyncGenerator<SampleStep, SampledLatents> {
    this.#requireOpen();
    this.#requireFree(options);
    const { header } = this;
    const { images, channels, height, width, steps } = header;
    const text = resolveText(options, this.network);
    const labels = text ? [] : this.#labelsOf(options);
    const count = text?.images ?? labels.length;
    const { seed = 0, firstImage = 0, signal } = options;
    const batches = Math.ceil(count / images);
    requireInteger('seed', seed, 0);
    requireInteger('firstImage', firstImage, 0, 2 ** 32 - batches * images);
    signal?.throwIfAborted();
    requireMemory(this.device, this.#plan);
    const notes: string[] = [];
    const begun = performance.now();
    const conditionsOf = text
      ? await this.#textConditions(text, notes, signal)
      : (first: number) => labelConditions(this.network, filledUp(labels, first, images));
    const textMilliseconds = performance.now() - begun;
    const size = channels * height * width;
    const latents = new Float32Array(batches * images * size);
    const sampler = samplerOf(header);
    let milliseconds = 0;
    const started = performance.now();
    using session = await DenoisingSession.create(this.device, this.#weights, this.#plan);
    const setupMilliseconds = performance.now() - started;
    for (let batch = 0; batch < batches; batch++) {
      const first = batch * images;
      const part = latents.subarray(first * size, (first + images) * size);
      part.set(sampler.initialLatents(batchNormals(seed, 0, firstImage + first, images, size)));
      const denoised = denoiseBatch({
        network: this.network,
        session,
        sampler,
        conditions: conditionsOf(first),
        guidanceScale: header.guidanceScale,
        guidanceChannels: header.guidanceChannels,
        latents: part,
        noise: (step) => batchNormals(seed, 1 + step, firstImage + first, images, size),
        firstImage: firstImage + first,
        signal,
      });
      for await (const step of denoised) {
        milliseconds += step.milliseconds;
        yield {
          ...step,
          batch,
          batches,
          latents: () => step.latents().slice(0, size * (count - first)),
          preview: () => step.preview().slice(0, count - first),
        };
      }
    }
    const report: SampleReport = {
      images: count,
      batch: images,
      steps: steps.length,
      sampler: header.sampler,
      macs: batches * (this.#plan.stepMacs + this.#plan.conditioningMacs),
      milliseconds,
      setupMilliseconds,
      memory: this.#plan.memory,
      ...(text && { textMilliseconds }),
      ...(notes.length > 0 && { notes }),
    };
    return {
      latents: latents.slice(0, count * size),
      shape: [count, channels, height, width],
      report,
    };
  }

  /**
   * Samples to the end and decodes the latents, where the file can. Rejects with a `DecodeError`, which has the latents in its
   * field `sampled`, when the decoder fails.
   */
  async generate(options: ExportedSampleOptions, onStep?: (step: SampleStep) => void): Promise<SampleResult> {
    const sampled = await this.generateLatents(options, onStep);
    if (!this.hasPictures) return { ...sampled, images: [] };
    const { signal } = options;
    return withPictures(sampled, ({ latents, shape }) => this.decode(latents, shape, { signal }), signal);
  }

  /** As `generate`, without decoding. */
  async generateLatents(
    options: ExportedSampleOptions,
    onStep?: (step: SampleStep) => void,
  ): Promise<SampledLatents> {
    return takeSteps(this.sample(options), onStep);
  }

  /** Pictures of latents (images x channels x height x width of the file), one after another. */
  async decode(
    latents: Float32Array,
    shape: BatchShape,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Picture[]> {
    this.#requireOpen();
    const { decoder, channels, height, width } = this.header;
    const fits = shape[1] === channels && shape[2] === height && shape[3] === width;
    if (!fits || shape.reduce((product, side) => product * side, 1) !== latents.length)
      throw new ArgumentError(
        'latents',
        `${latents.length} values of shape [${shape}]`,
        `images x ${channels} x ${height} x ${width}, as ${this.path} has them`,
      );
    if (!decoder) {
      if (isPictureSpace(channels)) return picturesOf(latents, shape);
      throw new IncacheError(`${this.path} has no decoder: it was exported without the autoencoder`);
    }
    using plan = await BoundPlan.compile(this.device, this.#weights, decoder.plan);
    const size = channels * height * width;
    const pictures: Picture[] = [];
    for (let image = 0; image < shape[0]; image++) {
      signal?.throwIfAborted();
      const z = latents
        .subarray(image * size, (image + 1) * size)
        .map((value) => value / decoder.scalingFactor + decoder.shiftFactor);
      const planes = await plan.run({ latents: z }, 'image', signal);
      pictures.push(...picturesOf(planes, [1, decoder.channels, decoder.height, decoder.width]));
    }
    return pictures;
  }

  /** Frees the model and the device. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    this.#weights.dispose();
    this.#prompts.dispose();
    this.#file.close();
    await this.device.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** One line for `console.log`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `ExportedPipeline { ${basename(this.path)}, ${this.header.name}, ${this.device.backend} }`;
  }

  #requireOpen(): void {
    if (this.#disposed) throw new IncacheError('this pipeline has been disposed');
  }

  #labelsOf({ labels }: ExportedSampleOptions): number[] {
    if (!Array.isArray(labels) || labels.length === 0)
      throw new ArgumentError('labels', labels, 'a list of at least one label');
    return labels.map((label: Label) => this.labels.find(label));
  }

  /** Conditions of the batch that begins with an image. */
  async #textConditions(
    text: ResolvedText,
    notes: string[],
    signal: AbortSignal | undefined,
  ): Promise<(first: number) => BatchConditions> {
    const { images, guided, inputs } = this.header;
    const { prompts, negative } = await this.#prompts.embed(text, guided, notes, signal);
    const [height, width] = inputs.find(({ name }) => name === 'size')?.values ?? [];
    const pixels = height !== undefined && width !== undefined ? { height, width } : undefined;
    return (first) => {
      const own = { prompts: filledUp(prompts, first, images), negative: inTurn(negative, first, images) };
      return textConditions(this.network, own, pixels, 0, images);
    };
  }

  /** What was decided at the export is refused by its name. */
  #requireFree(options: ExportedSampleOptions): void {
    const fixed = Object.entries(options ?? {}).find(
      ([name, value]) =>
        value !== undefined && Object.hasOwn(SAMPLE_OPTION_NAMES, name) && !Object.hasOwn(OPTION_NAMES, name),
    );
    if (fixed) throw fixedOption(fixed[0], fixed[1], this.path);
    requireOptions('options', options, OPTION_NAMES);
  }
}

/** The error for an option that was decided when `path` was exported. */
export function fixedOption(name: string, value: unknown, path: string): ArgumentError {
  return new ArgumentError(name, value, `no ${name}: ${path} was exported with its own`);
}

/** The values of a batch that begins with image `first`. What fills up the last one is left out of the result. */
function filledUp<T>(all: readonly T[], first: number, images: number): T[] {
  return Array.from({ length: images }, (_, i) => all[Math.min(first + i, all.length - 1)]!);
}

function inTurn<T>(all: readonly T[], first: number, images: number): T[] {
  return Array.from({ length: images }, (_, i) => all[(first + i) % all.length]!);
}

function samplerOf({ sampler, steps, initialScale = 1 }: ModelHeader): Sampler {
  return samplerOfTable(sampler, {
    steps: [...steps],
    initialScale,
    needsVariance: steps.some(({ logDeviation }) => logDeviation && logDeviation[0] !== logDeviation[1]),
  });
}

function networkOf(
  { channels, height, width, learnSigma }: ModelHeader,
  conditions: readonly Condition[],
): ExportedPipeline['network'] {
  return {
    latents: { channels, height, width, multipleOf: 1 },
    predicts: { kind: 'noise', variance: learnSigma },
    conditions,
  };
}

function sessionPlanOf(header: ModelHeader): SessionPlan {
  const { height, width, context, conditioning, plans, steps, chunkSteps, images, guided, labelRows } =
    header;
  return {
    geometry: { height, width },
    ...(context && { context }),
    conditioning,
    plans,
    courses: steps.map(({ plan }) => [{ plan }]),
    chunkSteps,
    sequences: guided ? 2 * images : images,
    conditions: labelRows,
    memory: memoryOf([...(context ? [context] : []), conditioning, ...plans]),
    stepMacs: steps.reduce((macs, { plan }) => macs + planCost(plans[plan]!).macs, 0),
    conditioningMacs:
      planCost(conditioning).macs * Math.ceil(steps.length / chunkSteps) +
      (context ? planCost(context).macs : 0),
  };
}
