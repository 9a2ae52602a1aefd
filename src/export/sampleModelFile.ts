/** Samples a model file in Node, as programs that embed the C library do. */
import type { Device, DeviceOptions, DeviceWeights } from '../backend/backend.js';
import { DEVICE_OPTION_NAMES, openDevice } from '../backend/choose.js';
import { batchNormals } from '../diffusion/philox.js';
import { samplerOfTable } from '../diffusion/sampler.js';
import { BoundPlan } from '../engine/boundPlan.js';
import { DenoisingSession } from '../engine/session.js';
import { memoryOf, type SessionPlan } from '../engine/sessionPlan.js';
import { ArgumentError, requireInteger } from '../errors.js';
import { type Label, LabelTable } from '../models/labelTable.js';
import { type OptionNames, pickOptions, requireOptions } from '../optionNames.js';
import { denoiseBatch } from '../pipeline/batch.js';
import { SAMPLE_OPTION_NAMES } from '../pipeline/options.js';
import { isPictureSpace, type Picture, picturesOf } from '../pipeline/picture.js';
import type { SampleReport, SampleStep } from '../pipeline/result.js';
import { planCost } from '../plan/cost.js';
import { SafetensorsFile } from '../weights/safetensors.js';
import type { ModelHeader } from './format.js';
import { readHeader } from './readHeader.js';

export interface SampleFileOptions extends DeviceOptions {
  /** One class for each image, as many as there are to be; the file's batches are filled up. */
  readonly labels: readonly Label[];
  /** Default 0. */
  readonly seed?: number;
  /** Place of the first image in the seed's sequence of images. Default 0. */
  readonly firstImage?: number;
  /** Name of the backend; default: the fastest one present. */
  readonly backend?: string;
  readonly signal?: AbortSignal;
}

const OPTION_NAMES: OptionNames<SampleFileOptions> = {
  ...DEVICE_OPTION_NAMES,
  labels: true,
  seed: true,
  firstImage: true,
  backend: true,
  signal: true,
};

export interface SampledFile {
  readonly header: ModelHeader;
  readonly backend: string;
  readonly threads: number;
  /** images x channels x height x width. */
  readonly latents: Float32Array;
  readonly shape: readonly [number, number, number, number];
  /** Empty where the latents are no pictures and the file has no decoder. */
  readonly images: readonly Picture[];
  readonly report: SampleReport;
}

/**
 * Draws images with a file of `exportModel`: what the pipeline draws for these labels and this seed with the options of the
 * export. Throws a `FormatError` for another file or a damaged one, and an `ArgumentError` for an option that the file has fixed.
 */
export async function sampleModelFile(
  path: string,
  options: SampleFileOptions,
  onStep?: (step: SampleStep) => void,
): Promise<SampledFile> {
  requireFree(path, options);
  using file = SafetensorsFile.open(path);
  const header = readHeader(file);
  if (!Array.isArray(options.labels) || options.labels.length === 0)
    throw new ArgumentError('labels', options.labels, 'a list of at least one label');
  const table = LabelTable.of(header.classes);
  const labels = options.labels.map((label: Label) => table.find(label));
  const { seed = 0, firstImage = 0, signal } = options;
  requireInteger('seed', seed, 0);
  requireInteger(
    'firstImage',
    firstImage,
    0,
    2 ** 32 - Math.ceil(labels.length / header.images) * header.images,
  );
  const device = await openDevice(options.backend, pickOptions<DeviceOptions>(options, DEVICE_OPTION_NAMES));
  try {
    const weights = device.loadWeights(file);
    const run = { header, labels, seed, firstImage, signal, onStep };
    const { latents, report } = await denoise(device, weights, run);
    const { channels, height, width } = header;
    const shape = [labels.length, channels, height, width] as const;
    const images = await decode(device, weights, header, latents, shape, signal);
    return { header, backend: device.backend, threads: device.threads, latents, shape, images, report };
  } finally {
    await device.dispose();
  }
}

/** What was decided at the export is refused by its name. */
function requireFree(path: string, options: SampleFileOptions): void {
  const fixed = Object.entries(options ?? {}).find(
    ([name, value]) =>
      value !== undefined && Object.hasOwn(SAMPLE_OPTION_NAMES, name) && !Object.hasOwn(OPTION_NAMES, name),
  );
  if (fixed) throw new ArgumentError(fixed[0], fixed[1], `no ${fixed[0]}: ${path} was exported with its own`);
  requireOptions('options', options, OPTION_NAMES);
}

interface Run {
  readonly header: ModelHeader;
  readonly labels: readonly number[];
  readonly seed: number;
  readonly firstImage: number;
  readonly signal: AbortSignal | undefined;
  readonly onStep: ((step: SampleStep) => void) | undefined;
}

async function denoise(device: Device, weights: DeviceWeights, run: Run) {
  const { header, labels, seed, signal, onStep } = run;
  const { images, channels, height, width, steps, classes, learnSigma } = header;
  const size = channels * height * width;
  const plan = sessionPlanOf(header);
  const sampler = samplerOfTable(header.sampler, {
    steps: [...steps],
    initialScale: header.initialScale ?? 1,
    needsVariance: steps.some(({ logDeviation }) => logDeviation && logDeviation[0] !== logDeviation[1]),
  });
  const started = performance.now();
  using session = await DenoisingSession.create(device, weights, plan);
  const setupMilliseconds = performance.now() - started;
  const batches = Math.ceil(labels.length / images);
  const latents = new Float32Array(batches * images * size);
  let milliseconds = 0;
  for (let batch = 0; batch < batches; batch++) {
    const first = batch * images;
    const firstImage = run.firstImage + first;
    const part = latents.subarray(first * size, (first + images) * size);
    part.set(sampler.initialLatents(batchNormals(seed, 0, firstImage, images, size)));
    const denoised = denoiseBatch({
      config: { inChannels: channels, inputSize: height, classes, learnSigma },
      session,
      sampler,
      // What fills up the last batch is left out of the result.
      labels: Array.from({ length: images }, (_, i) => labels[Math.min(first + i, labels.length - 1)]!),
      guidanceScale: header.guidanceScale,
      guidanceChannels: header.guidanceChannels,
      latents: part,
      noise: (step) => batchNormals(seed, 1 + step, firstImage, images, size),
      firstImage,
      signal,
    });
    for await (const step of denoised) {
      milliseconds += step.milliseconds;
      onStep?.({ ...step, batch, batches });
    }
  }
  const report: SampleReport = {
    images: labels.length,
    batch: images,
    steps: steps.length,
    sampler: header.sampler,
    macs: batches * (plan.stepMacs + plan.conditioningMacs),
    milliseconds,
    setupMilliseconds,
    memory: plan.memory,
  };
  return { latents: latents.slice(0, labels.length * size), report };
}

function sessionPlanOf(header: ModelHeader): SessionPlan {
  const { conditioning, plans, steps, chunkSteps, images, guided, labelRows } = header;
  return {
    conditioning,
    plans,
    planOfStep: steps.map(({ plan }) => plan),
    chunkSteps,
    sequences: guided ? 2 * images : images,
    labels: labelRows,
    memory: memoryOf(conditioning, plans),
    stepMacs: steps.reduce((macs, { plan }) => macs + planCost(plans[plan]!).macs, 0),
    conditioningMacs: planCost(conditioning).macs * Math.ceil(steps.length / chunkSteps),
  };
}

/** Image by image. */
async function decode(
  device: Device,
  weights: DeviceWeights,
  { decoder }: ModelHeader,
  latents: Float32Array,
  shape: SampledFile['shape'],
  signal: AbortSignal | undefined,
): Promise<Picture[]> {
  if (!decoder) return isPictureSpace(shape[1]) ? picturesOf(latents, shape) : [];
  const { scalingFactor, shiftFactor, channels, height, width } = decoder;
  using plan = await BoundPlan.compile(device, weights, decoder.plan);
  const size = shape[1] * shape[2] * shape[3];
  const pictures: Picture[] = [];
  for (let image = 0; image < shape[0]; image++) {
    signal?.throwIfAborted();
    const z = latents
      .subarray(image * size, (image + 1) * size)
      .map((value) => value / scalingFactor + shiftFactor);
    pictures.push(...picturesOf(await plan.run('latents', z, 'image'), [1, channels, height, width]));
  }
  return pictures;
}
