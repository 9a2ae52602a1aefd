/** What an experiment is: measurements that are taken one at a time and kept, and what is made of them in the end. */
import type { FactorSet } from '../cache/data/factorSet.js';
import type { CalibrationImages } from '../calibrate/images.js';
import type { FeatureExtractor } from '../evaluate/features/featureExtractor.js';
import type { Reference } from '../evaluate/metrics/reference.js';
import type { RunKey } from '../evaluate/runs/savedRun.js';
import type { SampleOptions } from '../pipeline/options.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import type { Recipe } from '../pipeline/recipe.js';
import type { TextOptions } from '../pipeline/text/textOptions.js';

export type Cell = string | number | null;

/** A row of a table, by column. */
export type Row = Readonly<Record<string, Cell>>;

/** By name. */
export type Tables = ReadonlyMap<string, readonly Row[]>;

/** How every image is sampled, whatever the configuration. */
export type SamplingChoice = Pick<
  SampleOptions,
  'sampler' | 'eta' | 'variance' | 'guidanceScale' | 'guidanceChannels'
> & { readonly steps: number };

/** Who judges the images, and against what. */
export interface Judge {
  readonly extractor: FeatureExtractor;
  readonly reference?: Reference;
}

export interface ExperimentContext {
  readonly pipeline: Pipeline;
  /** Images of a configuration and seed. Image i has class i modulo their number. */
  readonly images: number;
  /** Seeds 0, 1, ... of the noise and of calibration. */
  readonly seeds: readonly number[];
  /** Images denoised together. */
  readonly batch: number;
  readonly sampling: SamplingChoice;
  /** For a model of prompts: what it draws. */
  readonly text: TextOptions;
  /** Only configurations whose names contain one of these; all are without it. */
  readonly only?: readonly string[];
  /** Without them the model is calibrated on its own trajectories. */
  readonly calibrationImages?: CalibrationImages;
  readonly judge?: Judge;
  /** Of the caller: factors that policies are measured with too, and a recipe that is. */
  readonly factors?: FactorSet;
  readonly recipe?: Recipe;
  /** Whether times are measured where an experiment has them. */
  readonly times: boolean;
  /** Where the state of the experiment is kept. */
  readonly folder: string;
  readonly signal?: AbortSignal;
}

/** Calls back with work done since the last call. */
export type Advance = (work: number) => void;

export interface Measurement {
  /** Unique in its experiment; for people and for the name of its file. */
  readonly name: string;
  /** The table that its rows belong to. */
  readonly table: string;
  /** What decides its numbers, beside what is the same for the whole experiment. */
  readonly key: RunKey;
  /** The name of another one, which must be taken in the same folder before it. */
  readonly after?: string;
  /** Whether it is of times, which mean nothing beside those of another machine. */
  readonly isTimed?: boolean;
  /** Share in the whole experiment, in evaluations of the network for one image. */
  readonly work: number;
  /** Goes on where it was killed, or starts anew. */
  measure(advance: Advance): Promise<Row[]>;
}

/** A table for people. */
export interface Section {
  readonly title: string;
  readonly text?: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A specification of Vega-Lite, whose types are not named here: the package is optional, public types need nothing that is. */
export type ChartSpec = object;

export interface Report {
  readonly title: string;
  /** Markdown: what was done, and how to read it. */
  readonly introduction: string;
  readonly chart: ChartSpec;
  readonly sections: readonly Section[];
}

export interface Experiment {
  /** What it shows, in a line. */
  readonly about: string;
  /** Calibrates and samples nothing, so that the number of images and who judges them do not matter. */
  readonly samplesNothing?: boolean;
  /** Throws an `ArgumentError` for a context that it cannot be done in. */
  measurements(context: ExperimentContext): Measurement[];
  report(tables: Tables, context: ExperimentContext): Report;
}
