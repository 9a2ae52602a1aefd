/** Takes the measurements of an experiment that have not been taken yet, and writes what is made of all. */
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import type { FactorSet } from '../cache/data/factorSet.js';
import type { CalibrationImages } from '../calibrate/images.js';
import { requireInteger, requireOneOf } from '../errors.js';
import type { RunKey } from '../evaluate/runs/savedRun.js';
import { subjectsKey, subjectsOf } from '../evaluate/runs/subjects.js';
import { defaultsOf } from '../pipeline/options.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import type { Recipe } from '../pipeline/recipe.js';
import { type TextOptions, textCondition } from '../pipeline/text/textOptions.js';
import { VERSION } from '../version.js';
import { defaultCalibration } from './calibrationData.js';
import { calibrationSize } from './calibrationSize.js';
import { loadSvgRenderer, type SvgRenderer } from './chart/renderSvg.js';
import type {
  Experiment,
  ExperimentContext,
  Judge,
  Measurement,
  Row,
  SamplingChoice,
  Tables,
} from './experiment.js';
import { rounded, writeFiles } from './files.js';
import { MeasurementStore } from './measurementStore.js';
import { outliers } from './outliers.js';
import { policies } from './policies.js';
import { type ExperimentProgress, ProgressEstimate } from './progressEstimate.js';
import { ranks } from './ranks.js';
import { trajectory } from './trajectory.js';

export const EXPERIMENTS = {
  policies,
  ranks,
  outliers,
  'calibration-size': calibrationSize,
  trajectory,
} as const satisfies Record<string, Experiment>;

export type ExperimentName = keyof typeof EXPERIMENTS;

export const EXPERIMENT_NAMES = Object.keys(EXPERIMENTS) as ExperimentName[];

/** In the folder of the results. */
export const WORK = 'work';

export interface ExperimentOptions {
  /** Folder of the results; its `work` keeps the measurements. */
  readonly out: string;
  /** Images of a configuration and seed. Default 100. */
  readonly images?: number;
  /** Seeds 0, 1, ..., each a measurement of its own. Default 1. */
  readonly seeds?: number;
  /** Default 16. */
  readonly batch?: number;
  readonly sampling?: Partial<SamplingChoice>;
  /** What a model of prompts draws, in an order drawn with the seed, see `subjectsOf`. */
  readonly text?: TextOptions;
  /** Only configurations whose names contain one of these. Others can be added later. */
  readonly only?: readonly string[];
  readonly calibrationImages?: CalibrationImages;
  readonly judge?: Judge;
  /** Experiment `policies` measures `calibrated` with these factors too. */
  readonly factors?: FactorSet;
  /** Experiment `policies` measures it too. */
  readonly recipe?: Recipe;
  /** Whether `policies` measures times as well, for which the machine must be quiet. Default true. */
  readonly times?: boolean;
  /** For the results: how they were asked for. */
  readonly command?: string;
  /** What else decides the numbers, such as the precision of the weights. */
  readonly key?: RunKey;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ExperimentProgress) => void;
}

/**
 * Does the experiment and writes `README.md`, `chart.svg`, `results.json` and a CSV for each of its tables into
 * `out`. Killed at any time and called again with the same options it goes on and gives the same numbers, times
 * apart; with more seeds it adds theirs. Throws an `ArgumentError` for an unknown name or a folder of another
 * experiment, an `IncacheError` where Vega-Lite is not installed, all before any work.
 */
export async function runExperiment(
  pipeline: Pipeline,
  name: string,
  options: ExperimentOptions,
): Promise<Tables> {
  const run = await prepareExperiment(pipeline, name, options);
  const renderSvg = await loadSvgRenderer();
  using store = await MeasurementStore.open(run.context.folder, run.key);
  const tables = await takeMeasurements(run.measurements, store, options);
  await writeResults(run, tables, options, renderSvg);
  return tables;
}

/** An experiment that is about to be done. */
export interface PreparedExperiment {
  readonly name: string;
  readonly experiment: Experiment;
  readonly context: ExperimentContext;
  /** What decides the numbers of every measurement. */
  readonly key: RunKey;
  readonly measurements: readonly Measurement[];
}

/** @param folder where its state is kept. Throws as `runExperiment`, and makes no folder: a refusal leaves none. */
export async function prepareExperiment(
  pipeline: Pipeline,
  name: string,
  options: ExperimentOptions,
  folder = join(options.out, WORK),
): Promise<PreparedExperiment> {
  requireOneOf('experiment', name, EXPERIMENT_NAMES);
  const context = contextOf(pipeline, options, folder);
  await requireRunnable(context);
  const experiment: Experiment = EXPERIMENTS[name];
  const measurements = experiment.measurements(context);
  return { name, experiment, context, measurements, key: experimentKey(name, context, options) };
}

/** Writes the page, the chart and the tables of an experiment whose measurements are all taken. */
export async function writeResults(
  { name, experiment, context }: PreparedExperiment,
  tables: Tables,
  options: ExperimentOptions,
  renderSvg: SvgRenderer,
): Promise<void> {
  const { checkpoint } = context.pipeline;
  const report = experiment.report(tables, context);
  const provenance = {
    experiment: name,
    command: options.command ?? `runExperiment(pipeline, '${name}', ...)`,
    incache: VERSION,
    model: `${basename(checkpoint.path)} (${checkpoint.hash.slice(0, 12)})`,
    settings: settingsOf(experiment, context, options),
  };
  writeFiles(options.out, provenance, tables, report, await renderSvg(report.chart));
}

/** A run is what it must be; factors and a recipe of the caller are of this model and of such runs. */
async function requireRunnable(context: ExperimentContext): Promise<void> {
  const { pipeline, sampling, text, factors, recipe, signal } = context;
  const { checkpoint } = pipeline;
  pipeline.resolve({ ...sampling, ...subjectsOf(pipeline.network, text, 1) });
  const hash = await checkpoint.loadHash(signal);
  factors?.requireModel(hash, checkpoint.path);
  const { steps, sampler = 'ddim' } = sampling;
  recipe?.requireRun(hash, checkpoint.path, sampler, steps);
}

/** Those that the store has are not taken again. */
export async function takeMeasurements(
  measurements: readonly Measurement[],
  store: MeasurementStore,
  { signal, onProgress }: Pick<ExperimentOptions, 'signal' | 'onProgress'>,
): Promise<Tables> {
  const stored = measurements.map((measurement) => store.load(measurement));
  const progress = new ProgressEstimate(
    measurements.reduce((sum, { work }) => sum + work, 0),
    measurements.reduce((sum, { work }, i) => sum + (stored[i] ? work : 0), 0),
  );
  const tables = new Map<string, Row[]>();
  for (const [i, measurement] of measurements.entries()) {
    signal?.throwIfAborted();
    const advance = (work: number) => onProgress?.(progress.advance(measurement, work));
    const rows = stored[i] ?? (await measurement.measure(advance)).map(rounded);
    if (!stored[i]) {
      store.save(measurement, rows);
      onProgress?.(progress.finish(measurement));
    }
    tables.set(measurement.table, [...(tables.get(measurement.table) ?? []), ...rows]);
  }
  return tables;
}

function contextOf(pipeline: Pipeline, options: ExperimentOptions, folder: string): ExperimentContext {
  const {
    images = 100,
    seeds = 1,
    batch = 16,
    only,
    calibrationImages,
    judge,
    factors,
    recipe,
    times = true,
    signal,
  } = options;
  requireInteger('images', images, 1);
  requireInteger('seeds', seeds, 1);
  requireInteger('batch', batch, 1);
  return {
    pipeline,
    images,
    seeds: Array.from({ length: seeds }, (_, seed) => seed),
    batch,
    sampling: samplingOf(pipeline, options),
    text: options.text ?? {},
    times,
    folder,
    ...(only && { only }),
    ...(calibrationImages && { calibrationImages }),
    ...(judge && { judge }),
    ...(factors && { factors }),
    ...(recipe && { recipe }),
    ...(signal && { signal }),
  };
}

/** With what a run has where the options are silent. */
function samplingOf({ network, checkpoint }: Pipeline, { sampling }: ExperimentOptions): SamplingChoice {
  return { ...defaultsOf(network, checkpoint.scheduler), ...sampling };
}

/** Seeds and configurations are not in it, since they are measured one by one. */
function experimentKey(name: string, context: ExperimentContext, { key }: ExperimentOptions): RunKey {
  const { pipeline, images, batch, sampling, text, calibrationImages, judge } = context;
  return {
    experiment: name,
    incache: VERSION,
    model: pipeline.checkpoint.hash,
    backend: pipeline.device.backend,
    arithmetic: pipeline.device.arithmetic,
    images,
    batch,
    sampling,
    ...(textCondition(pipeline.network) && subjectsKey(pipeline, text)),
    calibrationImages: calibrationImages ? hashOf(calibrationImages.images) : 'none',
    features: judge?.extractor.fingerprint ?? 'none',
    reference: judge?.reference ? hashOf(judge.reference.features.mean) : 'none',
    ...key,
  };
}

function settingsOf(
  { samplesNothing }: Experiment,
  context: ExperimentContext,
  { key }: ExperimentOptions,
): Record<string, unknown> {
  const { pipeline, images, seeds, sampling, judge } = context;
  const { steps, sampler = 'ddim', guidanceScale, ...rest } = sampling;
  const { data, count } = defaultCalibration(context);
  return {
    backend: pipeline.device.backend,
    ...key,
    ...(!samplesNothing && { images, features: judge?.extractor.name ?? 'none' }),
    seeds: seeds.length,
    sampler,
    steps,
    guidance: guidanceScale,
    ...rest,
    calibration: `on ${count} ${data}`,
  };
}

function hashOf({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): string {
  return createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');
}
