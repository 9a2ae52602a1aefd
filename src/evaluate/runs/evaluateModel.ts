/** From a model and a cache policy to what its images are worth and what they cost. */

import type { SessionPlan } from '../../engine/sessionPlan.js';
import { ArgumentError, requireInteger, requireObject } from '../../errors.js';
import type { Geometry } from '../../models/network.js';
import { scaleOf } from '../../models/vae/config.js';
import { type OptionNames, pickOptions, requireOptions } from '../../optionNames.js';
import { SAMPLE_OPTION_NAMES, type SampleOptions } from '../../pipeline/options.js';
import { isPictureSpace } from '../../pipeline/picture.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import type { SampledLatents } from '../../pipeline/result.js';
import { planCost } from '../../plan/cost.js';
import { fingerprintOf } from '../../weights/fingerprint.js';
import type { ClipScore } from '../features/clipScore.js';
import type { FeatureExtractor } from '../features/featureExtractor.js';
import { requireImages } from '../metrics/gaussian.js';
import { type PrecisionRecall, precisionRecall } from '../metrics/precisionRecall.js';
import type { Reference } from '../metrics/reference.js';
import type { PictureSize } from '../metrics/ssim.js';
import { writeStatistics } from '../metrics/statisticsFile.js';
import { evaluateRun, type RowOutput, type RunCosts, type SampledBatch } from './evaluateRun.js';
import { Evaluation, type EvaluationResult } from './evaluation.js';
import { writeImagesNpz } from './imagesNpz.js';
import type { RowFile } from './rowFile.js';
import { runKey } from './runKey.js';
import { RunOutputs } from './runOutputs.js';
import { readSamples } from './samplesFile.js';
import { type RunKey, SavedRun } from './savedRun.js';
import { subjectsKey, subjectsOf } from './subjects.js';

export interface EvaluateOptions extends Omit<SampleOptions, 'labels' | 'noise' | 'firstImage' | 'perImage'> {
  readonly images: number;
  /**
   * Image i gets label i modulo their number. Default: every class in turn. Prompts come in an order drawn with the seed, see
   * `subjectsOf`.
   */
  readonly labels?: readonly number[];
  /**
   * Measure the difference to uncached images: sample every image without a cache too, or read those of an earlier
   * run from its `samples`, which must be of the same seed and labels but may have more steps.
   */
  readonly compare?: boolean | string;
  /**
   * Measure the pictures that the autoencoder makes of the latents, instead of the latents: all metrics, features and files are
   * then of pictures. Default: false.
   */
  readonly pictures?: boolean;
  readonly extractor?: FeatureExtractor;
  /** Measures how well pictures fit their prompts; of pictures, of a model that is given prompts. */
  readonly clip?: ClipScore;
  /** What the Frechet distances are to; needs an extractor, and more images than it has features. */
  readonly reference?: Reference;
  /** Needs a reference of images, see `loadReference`. */
  readonly precisionRecall?: boolean;
  /** Splits of the inception score. Default 10. */
  readonly splits?: number;
  /** Where to write the samples as they are, as `compare` reads them. */
  readonly samples?: string;
  /** Where to write the images for ADM's evaluator. */
  readonly npz?: string;
  /** Where to write the statistics of the images. */
  readonly statistics?: string;
  /** Keeps the run; where there is one already, goes on with it. */
  readonly folder?: string;
  /** What else must be the same to go on, such as the precision of the weights. */
  readonly key?: RunKey;
  /** Called after every step of every batch, those without a cache included. */
  readonly onStep?: () => void;
}

export interface EvaluationReport extends EvaluationResult, Partial<PrecisionRecall> {
  /** Multiply-accumulates of an image: all steps, conditioning and guidance. */
  readonly macsPerImage: number;
  /**
   * Bytes that the operations of an image move when every operand moves once, in a full batch. Absent where gates
   * decide, step by step, what is run.
   */
  readonly bytesPerImage?: number;
  /** Measured, without set-up and without the uncached run. */
  readonly millisecondsPerImage: number;
  /** As the two above, of the uncached run that was made for the comparison. */
  readonly uncachedMacsPerImage?: number;
  readonly uncachedMillisecondsPerImage?: number;
}

const {
  noise: _noise,
  firstImage: _firstImage,
  perImage: _perImage,
  ...SAMPLING_NAMES
} = SAMPLE_OPTION_NAMES;
export const EVALUATE_OPTION_NAMES: OptionNames<EvaluateOptions> = {
  ...SAMPLING_NAMES,
  images: true,
  compare: true,
  pictures: true,
  extractor: true,
  clip: true,
  reference: true,
  precisionRecall: true,
  splits: true,
  samples: true,
  npz: true,
  statistics: true,
  folder: true,
  key: true,
  onStep: true,
};

const DEFAULT_BATCH = 16;
/** Images copied at a time. */
const CHUNK = 64;

/**
 * Samples `images` images in batches and evaluates them in constant memory. Image i depends on the seed and on i
 * alone, so a run that is killed and taken up again reports the same, times apart. Throws an `ArgumentError`
 * before any work for options that do not fit each other or the model.
 */
export async function evaluateModel(pipeline: Pipeline, options: EvaluateOptions): Promise<EvaluationReport> {
  requireOptions('options', options, EVALUATE_OPTION_NAMES);
  const run = await prepareEvaluation(pipeline, options);
  const { evaluation, batch, size, key } = run;
  const { folder, samples } = options;
  using saved = folder === undefined ? undefined : await SavedRun.open(folder, key);
  const keptFeatures = options.precisionRecall ? options.extractor!.features : 0;
  using outputs = new RunOutputs({ size, samples, npz: options.npz, features: keptFeatures, folder });
  const { files, ...costs } = await evaluateRun({
    evaluation,
    images: options.images,
    batch,
    sample: run.sample,
    outputs: outputs.all,
    ...(saved && { saved }),
  });
  try {
    const fileOf = (output: RowOutput | undefined) => files[outputs.all.indexOf(output!)];
    if (options.npz !== undefined) writeNpz(options.npz, size, fileOf(outputs.images)!);
    const features = fileOf(outputs.features);
    return await reportOf(run, options, costs, features?.read(0, features.rows));
  } finally {
    for (const file of files) file[Symbol.dispose]();
  }
}

/** A run that is about to be evaluated, whichever of its images. */
export interface PreparedEvaluation {
  readonly evaluation: Evaluation;
  readonly batch: number;
  readonly size: PictureSize;
  readonly plan: SessionPlan;
  /** What makes two runs the same run. */
  readonly key: RunKey;
  readonly sample: (first: number, count: number) => Promise<SampledBatch>;
}

/** Throws an `ArgumentError` for options that do not fit each other or the model. `images`: those that the evaluation takes in. */
export async function prepareEvaluation(
  pipeline: Pipeline,
  options: EvaluateOptions,
  images = options.images,
): Promise<PreparedEvaluation> {
  requireObject('pipeline', pipeline?.checkpoint, 'a Pipeline');
  const batch = Math.min(options.batch ?? DEFAULT_BATCH, options.images);
  const sampling = (first: number, count: number): PlacedOptions => ({
    ...pickOptions(options, SAMPLE_OPTION_NAMES),
    ...subjectsOf(pipeline.network, options, count, first),
    firstImage: first,
    batch: count,
  });
  const { pictures = false, extractor, splits } = options;
  if (typeof pictures !== 'boolean') throw new ArgumentError('pictures', pictures, 'true or false');
  requireInteger('images', options.images, 1);
  const resolved = pipeline.resolve(sampling(0, batch));
  const size = sizeOf(pipeline, pictures, resolved.geometry);
  requireFitting(options, size);
  await pipeline.checkpoint.loadHash(options.signal);
  return {
    ...{ batch, size },
    plan: pipeline.planResolved(resolved),
    evaluation: new Evaluation({
      images,
      ...size,
      ...(extractor && { extractor }),
      ...(splits !== undefined && { splits }),
    }),
    key: runKey(pipeline, resolved, extractor, ownKey(pipeline, options)),
    sample: (first, count) => sampleBatch(pipeline, sampling(first, count), options),
  };
}

/** What has been measured of all images. `features`: of every image, as float32, where precision and recall are asked for. */
export async function reportOf(
  { evaluation, plan, batch }: PreparedEvaluation,
  options: EvaluateOptions,
  costs: RunCosts,
  features: Uint8Array | undefined,
): Promise<EvaluationReport> {
  if (options.statistics !== undefined) writeStatistics(options.statistics, evaluation.statistics());
  return {
    ...(await evaluation.result(options.reference, options.signal)),
    ...(await manifolds(options, features)),
    ...costsPerImage(costs, options.images),
    ...(!plan.gate && { bytesPerImage: bytesOf(plan) / batch }),
  };
}

function requireFitting(options: EvaluateOptions, { channels, height, width }: PictureSize): void {
  const { images, extractor, reference, npz, clip } = options;
  if (clip && options.prompts === undefined)
    throw new ArgumentError(
      'clip',
      'a model of pictures and captions',
      'no CLIP model, because the run has no prompts to compare pictures with',
    );
  if (clip && !isPictureSpace(channels))
    throw new ArgumentError(
      'clip',
      `with ${channels} latent channels`,
      'pictures (option pictures, --vae on the command line)',
    );
  extractor?.requireSize(channels, height, width);
  if (!extractor && (reference || options.statistics !== undefined || options.precisionRecall))
    throw new ArgumentError(
      'extractor',
      extractor,
      'a feature model, since features are to be compared or written',
    );
  if (extractor && (reference || options.statistics !== undefined)) requireImages(images, extractor.features);
  if (reference && extractor && reference.features.mean.length !== extractor.features)
    throw new ArgumentError(
      'reference',
      `of ${reference.features.mean.length} features`,
      `${extractor.features}, as ${extractor.name} has`,
    );
  if (options.precisionRecall && !reference?.rows)
    throw new ArgumentError('reference', reference && 'statistics', 'images, for precision and recall');
  if (npz === undefined) return;
  if (!isPictureSpace(channels))
    throw new ArgumentError(
      'npz',
      npz,
      `no file: the model's ${channels} latent channels need a decoder (option pictures, --vae on the command line)`,
    );
}

function sizeOf({ network, decoder }: Pipeline, pictures: boolean, { height, width }: Geometry): PictureSize {
  const { channels } = network.latents;
  if (!pictures || decoder.isIdentity) return { channels, height, width };
  const { config: vae } = decoder.checkpoint();
  const scale = scaleOf(vae);
  return { channels: vae.imageChannels, height: height * scale, width: width * scale };
}

/** What beside the sampling decides what is in a saved run. */
function ownKey(pipeline: Pipeline, options: EvaluateOptions): RunKey {
  return {
    images: options.images,
    ...subjectsKey(pipeline, options),
    compare: typeof options.compare === 'string' ? 'samples' : options.compare === true,
    samples: options.samples !== undefined,
    splits: options.splits,
    ...(options.pictures && { pictures: picturesKey(pipeline) }),
    npz: options.npz !== undefined,
    precisionRecall: options.precisionRecall === true,
    ...(options.clip && { clip: options.clip.fingerprint }),
    ...options.key,
  };
}

/** What makes the pictures. */
function picturesKey({ decoder }: Pipeline): string {
  if (decoder.isIdentity) return 'samples';
  const { files, config } = decoder.checkpoint();
  return fingerprintOf(files, config);
}

/** Options of the images of a batch, whose classes are numbers. */
type PlacedOptions = SampleOptions & {
  readonly labels?: readonly number[];
  readonly firstImage: number;
  readonly batch: number;
};

async function sampleBatch(
  pipeline: Pipeline,
  sampling: PlacedOptions,
  { compare = false, onStep, pictures = false, clip }: EvaluateOptions,
): Promise<SampledBatch> {
  const measured = ({ latents, shape }: SampledLatents) =>
    pictures ? pipeline.decoder.planes(pipeline.device, latents, shape, sampling) : latents;
  const result = await pipeline.generateLatents(sampling, onStep);
  const { macs, milliseconds } = result.report;
  const samples = await measured(result);
  const { labels, firstImage, batch } = sampling;
  const sampled = {
    samples,
    ...(labels && { labels }),
    ...(clip && { clip: await fitOf(clip, pipeline, sampling, samples) }),
    macs,
    milliseconds,
  };
  if (compare === false) return sampled;
  if (typeof compare === 'string') {
    return { ...sampled, uncached: readSamples(compare, samples.length / batch, firstImage, batch) };
  }
  const uncached = await pipeline.generateLatents({ ...sampling, cache: { policy: 'none' } }, onStep);
  const cost = { macs: uncached.report.macs, milliseconds: uncached.report.milliseconds };
  return { ...sampled, uncached: await measured(uncached), uncachedCost: cost };
}

/** How well the pictures of a batch fit their prompts. */
function fitOf(
  clip: ClipScore,
  pipeline: Pipeline,
  sampling: PlacedOptions,
  samples: Float32Array,
): Promise<number[]> {
  const { prompts = [] } = sampling;
  const { channels, height, width } = sizeOf(pipeline, true, pipeline.resolve(sampling).geometry);
  return clip.scores({ data: samples, shape: [sampling.batch, channels, height, width] }, [prompts].flat());
}

function costsPerImage({ macs, milliseconds, uncachedMacs, uncachedMilliseconds }: RunCosts, images: number) {
  return {
    macsPerImage: macs / images,
    millisecondsPerImage: milliseconds / images,
    ...(uncachedMacs > 0 && {
      uncachedMacsPerImage: uncachedMacs / images,
      uncachedMillisecondsPerImage: uncachedMilliseconds / images,
    }),
  };
}

function bytesOf({ conditioning, plans, courses, chunkSteps }: SessionPlan): number {
  const chunks = Math.ceil(courses.length / chunkSteps);
  return courses
    .flat()
    .reduce((sum, { plan }) => sum + planCost(plans[plan]!).bytes, chunks * planCost(conditioning).bytes);
}

function writeNpz(path: string, { height, width }: PictureSize, pixels: RowFile): void {
  writeImagesNpz(path, pixels.rows, height, width, chunksOf(pixels));
}

function* chunksOf(file: RowFile): Generator<Uint8Array> {
  for (let first = 0; first < file.rows; first += CHUNK)
    yield file.read(first, Math.min(CHUNK, file.rows - first));
}

async function manifolds(
  { extractor, reference, signal }: EvaluateOptions,
  features: Uint8Array | undefined,
): Promise<Partial<PrecisionRecall>> {
  if (!features) return {};
  const data = new Float32Array(features.buffer);
  const columns = extractor!.features;
  const generated = { rows: data.length / columns, columns, data };
  return precisionRecall(reference!.rows!, generated, { ...(signal && { signal }) });
}
