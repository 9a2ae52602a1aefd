/** Where calibration data comes from: images noised by the forward process, or trajectories of the model's own. */
import { policyActions } from '../cache/cachePolicy.js';
import type { StepGrams } from '../cache/data/stepGrams.js';
import { DEFAULT_TERMS } from '../cache/fitted.js';
import { Scheduled } from '../cache/scheduled.js';
import { requireFiniteLatents } from '../diffusion/finiteLatents.js';
import { bothBranches, guide } from '../diffusion/guidance.js';
import { qSample, respace } from '../diffusion/noiseSchedule.js';
import { batchNormals, normals, uniforms } from '../diffusion/philox.js';
import { type PredictionGeometry, splitPrediction } from '../diffusion/prediction.js';
import { createSampler, type SamplerName, type SamplerSettings } from '../diffusion/sampler.js';
import type { ConditionValues, TableRow } from '../engine/session.js';
import { ArgumentError, requireInteger, requireNumber, requireObject } from '../errors.js';
import { type Actions, CALIBRATE, STORE } from '../models/layers/actions.js';
import { classesOf, labelsInTurn, latentSize, type Network } from '../models/network.js';
import { type OptionNames, requireOptions } from '../optionNames.js';

/** How a source shows its data to the model. */
export interface Evaluator {
  /**
   * Evaluates the network in full. Of increments, `place` is that in the source's `places`, and what would be calibrated there
   * is measured; else all is measured.
   */
  evaluate(place: number, latents: Float32Array, conditions: readonly TableRow[]): Promise<Float32Array>;
}

export interface CalibrationSource {
  /** For the factors' metadata. */
  readonly description: string;
  /** Seed of its noise and draws. */
  readonly seed: number;
  /** Steps of the sampler whose timesteps it visits. */
  readonly steps: number;
  readonly images: number;
  readonly batches: number;
  /** The most evaluations of the network that a batch takes. */
  readonly evaluations: number;
  /** Sequences that every evaluation has. */
  readonly sequences: number;
  /** For increments: what is done at each of its places, from which those that calibrate take them. */
  readonly places: readonly Actions[];
  run(batch: number, evaluator: Evaluator, increments: boolean): Promise<void>;
}

export interface SourceOptions {
  /** Images in all. Default 256, as in the paper. */
  readonly count?: number;
  /** Images evaluated together, a divisor of `count`. Default: the largest up to 16. */
  readonly batch?: number;
  /** Steps of the DDIM sampler whose timesteps are visited. Default 50. */
  readonly steps?: number;
  readonly seed?: number;
}

export interface ImageSourceOptions extends SourceOptions {
  /** Images x0 in [-1, 1]: at least `count` of channels x height x width. */
  readonly images: Float32Array;
  readonly labels: readonly number[];
}

const SOURCE_OPTION_NAMES: OptionNames<SourceOptions> = {
  count: true,
  batch: true,
  steps: true,
  seed: true,
};

const IMAGE_OPTION_NAMES: OptionNames<ImageSourceOptions> = {
  ...SOURCE_OPTION_NAMES,
  images: true,
  labels: true,
};

const LARGEST_DEFAULT_BATCH = 16;

/** Share of labels replaced by the null class, as in training. */
const LABEL_DROPOUT = 0.1;

/** Streams of the counter-based generator: noise of x_t, then timestep and label dropout. */
const NOISE_STREAM = 0;
const DRAW_STREAM = 1;

/**
 * Images noised by q_sample, as the paper calibrates (METHOD: Factors). For increments, x at step t and, after
 * one deterministic DDIM step of the model's, at t - 1, with t uniform over the steps that have a successor;
 * else x at any step.
 */
export function imageSource(network: Network, options: ImageSourceOptions): CalibrationSource {
  requireArguments(network, options, IMAGE_OPTION_NAMES);
  if (!(options.images instanceof Float32Array))
    throw new ArgumentError('images', options.images, 'a Float32Array');
  if (!Array.isArray(options.labels)) throw new ArgumentError('labels', options.labels, 'a list of labels');
  const { count, batch, steps, seed } = resolve({ count: Math.min(256, options.labels.length), ...options });
  const size = latentSize(network);
  if (options.images.length < count * size || options.labels.length < count)
    throw new ArgumentError(
      'images',
      `${Math.min(options.labels.length, Math.floor(options.images.length / size))} images of ${size} values`,
      `at least ${count}`,
    );
  for (const label of options.labels) requireInteger('label', label, 0, classesOf(network));
  const process = respace(steps);
  const geometry = geometryOf(network, batch);

  /** Place t of image i in the respaced process (ascending), at least `lowest`. */
  const draw = (image: number, lowest: number) => {
    const draws = uniforms(seed, DRAW_STREAM, image, 2);
    const label = draws[1]! < LABEL_DROPOUT ? classesOf(network) : options.labels[image]!;
    return { place: lowest + Math.floor(draws[0]! * (steps - lowest)), label };
  };

  return {
    description: `${count} images noised by q_sample, ${steps} steps`,
    seed,
    steps,
    images: count,
    batches: count / batch,
    evaluations: 2,
    sequences: batch,
    places: [STORE, CALIBRATE].map((action) => new Map(network.layers.map(({ name }) => [name, action]))),
    async run(index, evaluator, increments) {
      if (increments) requireInteger('steps', steps, 2);
      const images = Array.from({ length: batch }, (_, i) => index * batch + i);
      const draws = images.map((image) => draw(image, increments ? 1 : 0));
      const latents = new Float32Array(batch * size);
      for (const [i, image] of images.entries()) {
        const x0 = options.images.subarray(image * size, (image + 1) * size);
        const noise = normals(seed, NOISE_STREAM, image, size);
        latents.set(qSample(x0, noise, process.alphasCumprod[draws[i]!.place]!), i * size);
      }
      const conditions = (earlier: number) =>
        draws.map(({ place, label }) => rowOf(process.timesteps[place - earlier]!, label));
      if (!increments) {
        await evaluator.evaluate(0, latents, conditions(0));
        return;
      }
      const { noise } = splitPrediction(await evaluator.evaluate(0, latents, conditions(0)), geometry);
      for (const [i, { place }] of draws.entries()) ddimStep(steps, place, latents, noise, i, size);
      await evaluator.evaluate(1, latents, conditions(1));
    },
  };
}

/** Takes image `i` of a batch from place `place` of the process to the one before, in place. */
function ddimStep(
  steps: number,
  place: number,
  latents: Float32Array,
  noise: Float32Array,
  i: number,
  size: number,
): void {
  const span = [i * size, (i + 1) * size] as const;
  const run = createSampler('ddim', { steps }).start(noFreshNoise);
  run.advance(steps - 1 - place, latents.subarray(...span), { noise: noise.subarray(...span) });
}

export interface TrajectorySourceOptions extends SourceOptions {
  /** Classifier-free guidance of the trajectories. Default 1.5. */
  readonly guidanceScale?: number;
  /** Increments are those that policy `calibrated` with this period corrects. Default 2. */
  readonly period?: number;
  /** And of this order: increments to the polynomial through the last computed steps. Default 0, the last one. */
  readonly order?: number;
  /** Or to fitted combinations of them. */
  readonly fits?: StepGrams;
  readonly terms?: number;
  /** The computed steps, instead of `period`. */
  readonly gatherSteps?: readonly number[];
  /** Or so many, chosen by the fits. */
  readonly computed?: number;
  /** Default: that of the fits, else `ddim`. */
  readonly sampler?: SamplerName;
  /** Scheduler of the sampler, as in its settings. */
  readonly scheduler?: SamplerSettings['scheduler'];
  readonly spacing?: SamplerSettings['spacing'];
  /**
   * What images [first, first + count) are conditioned on, each branch of guidance by itself. Default: labels in turn; of a model
   * of prompts it is needed, see `ownTrajectories`.
   */
  readonly conditions?: ConditionsInTurn;
}

export type ConditionsInTurn = (
  first: number,
  count: number,
) => { readonly conditional: readonly ConditionValues[]; readonly unconditional: readonly ConditionValues[] };

const TRAJECTORY_OPTION_NAMES: OptionNames<TrajectorySourceOptions> = {
  ...SOURCE_OPTION_NAMES,
  guidanceScale: true,
  period: true,
  order: true,
  fits: true,
  terms: true,
  gatherSteps: true,
  computed: true,
  sampler: true,
  scheduler: true,
  spacing: true,
  conditions: true,
};

/**
 * Trajectories that the model samples itself, labels in turn, no data set needed. Increments are those that policy
 * `calibrated` meets: every `period`-th step is stored and the others are measured.
 */
export function trajectorySource(network: Network, options: TrajectorySourceOptions = {}): CalibrationSource {
  requireArguments(network, options, TRAJECTORY_OPTION_NAMES);
  const { count, batch, steps, seed } = resolve(options);
  const scale = options.guidanceScale ?? 1.5;
  const conditionsOf = options.conditions ?? labelsOf(network);
  const {
    period = 2,
    order = 0,
    fits,
    terms,
    gatherSteps,
    computed,
    sampler: name = (fits?.info.sampler as SamplerName | undefined) ?? 'ddim',
    scheduler,
    spacing: timesteps,
  } = options;
  requireNumber('guidanceScale', scale, 0);
  requireInteger('period', period, 2);
  const policy = new Scheduled('calibrated', { period, order, fits, terms, gatherSteps, computed });
  const sampler = createSampler(name, {
    steps,
    ...(scheduler && { scheduler }),
    ...(timesteps && { spacing: timesteps }),
  });
  fits?.requireTimesteps(name, sampler.timesteps);
  const chosen = gatherSteps?.length ?? computed;
  const spacing = chosen === undefined ? `period ${period}` : `${chosen} computed steps`;
  const guided = scale !== 1;
  const size = latentSize(network);
  const geometry = geometryOf(network, batch);
  return {
    description: `${count} own ${name} trajectories, ${steps} steps, guidance ${scale}, ${spacing}, ${fits ? `fitted terms ${terms ?? DEFAULT_TERMS}` : `order ${order}`}`,
    seed,
    steps,
    images: count,
    batches: count / batch,
    evaluations: steps,
    sequences: guided ? 2 * batch : batch,
    places: policyActions(policy, { network, geometry: network.latents, steps, rank: () => 1 }),
    async run(index, evaluator, increments) {
      if (increments) requireInteger('steps', steps, 2);
      const run = sampler.start(noFreshNoise);
      const latents = batchNormals(seed, NOISE_STREAM, index * batch, batch, size);
      const { conditional, unconditional } = conditionsOf(index * batch, batch);
      const all = guided ? [...conditional, ...unconditional] : conditional;
      for (const [step, timestep] of sampler.timesteps.entries()) {
        const input = guided ? bothBranches(latents) : latents;
        const conditions = all.map((own) => ({ timestep, conditions: own.conditions }));
        const output = await evaluator.evaluate(step, input, conditions);
        const prediction = guided
          ? guide(output, { ...geometry, scale, guidanceChannels: network.latents.channels })
          : splitPrediction(output, geometry);
        run.advance(step, latents, prediction);
        requireFiniteLatents(latents, { step, steps, images: batch, firstImage: index * batch });
      }
    },
  };
}

/** Labels in turn. Throws an `ArgumentError` for a network that is conditioned on something else. */
function labelsOf(network: Network): ConditionsInTurn {
  const classes = classesOf(network);
  if (classes === 0)
    throw new ArgumentError('conditions', undefined, 'those of prompts: the model has no classes');
  const ofLabel = (label: number): ConditionValues => ({ conditions: { labels: [label] } });
  return (first, count) => {
    const conditional = labelsInTurn(network, count, first).map(ofLabel);
    return { conditional, unconditional: conditional.map(() => ofLabel(classes)) };
  };
}

/** Trajectories are of samplers that ask for none, DDIM with eta 0 as well. */
function noFreshNoise(): Float32Array {
  return new Float32Array(0);
}

function requireArguments(
  network: Network,
  options: SourceOptions,
  names: Readonly<Record<string, true>>,
): void {
  requireObject('network', network?.latents, 'the network of a Pipeline');
  requireOptions('options', options, names);
}

function resolve(options: SourceOptions): Required<SourceOptions> {
  const count = options.count ?? 256;
  const resolved = {
    count,
    batch: options.batch ?? largestBatch(count),
    steps: options.steps ?? 50,
    seed: options.seed ?? 0,
  };
  requireInteger('count', resolved.count, 1);
  requireInteger('batch', resolved.batch, 1);
  requireInteger('steps', resolved.steps, 1, 1000);
  requireInteger('seed', resolved.seed, 0);
  if (resolved.count % resolved.batch !== 0)
    throw new ArgumentError('batch', resolved.batch, `a divisor of the ${resolved.count} calibration images`);
  return resolved;
}

function largestBatch(count: number): number {
  let batch = Math.min(LARGEST_DEFAULT_BATCH, count);
  while (count % batch !== 0) batch--;
  return batch;
}

function rowOf(timestep: number, label: number): TableRow {
  return { timestep, conditions: { labels: [label] } };
}

function geometryOf({ latents, predicts }: Network, images: number): PredictionGeometry {
  return {
    images,
    channels: latents.channels,
    pixels: latents.height * latents.width,
    learnSigma: predicts.variance,
  };
}
