/** Measures what caching costs a model in error, for the policies that choose by it. */
import { basename } from 'node:path';
import { ErrorTable, type KindErrors, MOST_MEASURED_ORDER } from '../../cache/data/errorTable.js';
import type { FactorSet } from '../../cache/data/factorSet.js';
import type { CacheKind } from '../../cache/measuredErrors.js';
import { scheduleLayers } from '../../cache/schedule.js';
import { requireInteger, requireObject } from '../../errors.js';
import type { Network } from '../../models/network.js';
import { type OptionNames, requireOptions } from '../../optionNames.js';
import { defaultsOf } from '../../pipeline/options.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { VERSION } from '../../version.js';
import { CacheErrors } from './cacheErrors.js';
import { ExtrapolationErrors } from './extrapolationErrors.js';
import { MeasuringBench, type MeasuringUnit, takeUnits, type UnitResults } from './measuringUnit.js';
import { runKey } from './runKey.js';
import { MEASURED_SAMPLING_NAMES, type MeasuredSampling } from './sampling.js';
import { SavedRun } from './savedRun.js';
import { Trajectory } from './stepwise.js';
import { subjectsKey, subjectsOf } from './subjects.js';

export interface MeasureErrorsOptions extends MeasuredSampling {
  /** Images that are sampled together, labels or prompts in turn. Default 8. */
  readonly images?: number;
  /** The most steps from the stored one that are measured. Default 3. */
  readonly gaps?: number;
  /**
   * Of the extrapolation that is measured: 1 or 2 of policy taylorseer, or 1 of calibrated, with factors. Default 0, of
   * reuse.
   */
  readonly order?: number;
  /** Measure calibration with them: of order 0 beside reuse, of order 1 instead. */
  readonly factors?: FactorSet;
  /** Keeps what has been measured; where there is something already, goes on with it. */
  readonly folder?: string;
  /** Called after every evaluation of the network, of `measuringWork` in all, those of a run gone on with included. */
  readonly onProgress?: () => void;
}

const MEASURE_OPTION_NAMES: OptionNames<MeasureErrorsOptions> = {
  ...MEASURED_SAMPLING_NAMES,
  images: true,
  gaps: true,
  order: true,
  factors: true,
  folder: true,
  onProgress: true,
};

/** What one kind of caching costs. */
interface KindMeasurement {
  readonly kind: CacheKind;
  readonly units: readonly MeasuringUnit[];
  errors(results: UnitResults): KindErrors;
}

/** With nothing left open that decides the work. */
type Resolved = MeasureErrorsOptions &
  Required<Pick<MeasureErrorsOptions, 'images' | 'gaps' | 'order' | 'steps'>>;

/** Evaluations of the network that `measureErrors` will take. */
export function measuringWork(network: Network, options: MeasureErrorsOptions): number {
  const resolved = resolve(network, options);
  const units = measurementsOf(network, resolved).flatMap((measurement) => measurement.units);
  return units.reduce((sum, { evaluations }) => sum + evaluations, resolved.steps);
}

/**
 * Samples a few images without a cache and takes their steps again with one (see cacheErrors.ts and, of higher orders,
 * extrapolationErrors.ts). Killed and called again with the same folder and options it goes on and gives the same
 * errors. Throws an `ArgumentError` for options that do not fit and a folder of another measurement, and as `sample` does.
 */
export async function measureErrors(
  pipeline: Pipeline,
  options: MeasureErrorsOptions = {},
): Promise<ErrorTable> {
  requireObject('pipeline', pipeline?.checkpoint, 'a Pipeline');
  const resolved = resolve(pipeline.network, options);
  await pipeline.checkpoint.loadHash(options.signal);
  const { images, gaps, order, steps, factors, folder } = resolved;
  const trajectory = new Trajectory(pipeline, {
    ...options,
    steps,
    ...subjectsOf(pipeline.network, options, images),
  });
  const measurements = measurementsOf(pipeline.network, resolved);
  using saved = folder === undefined ? undefined : await savedRun(trajectory, resolved, folder);
  using bench = await MeasuringBench.create(trajectory, options.onProgress ?? (() => {}));
  const units = measurements.flatMap((measurement) => measurement.units);
  const results = await takeUnits(units, bench, saved);
  return new ErrorTable(
    {
      modelHash: pipeline.checkpoint.hash,
      model: basename(pipeline.checkpoint.path),
      ...(factors && { factorHash: factors.hash }),
      sampler: trajectory.sampler.name,
      steps,
      gaps,
      order,
      sublayers: pipeline.network.sublayers.length,
      guidanceScale: trajectory.options.guidanceScale,
      images,
      seed: trajectory.options.seed,
      createdBy: `incache ${VERSION}`,
    },
    Object.fromEntries(measurements.map(({ kind, errors }) => [kind, errors(results)])),
  );
}

function resolve(network: Network, options: MeasureErrorsOptions): Resolved {
  requireOptions('options', options, MEASURE_OPTION_NAMES);
  const { images = 8, gaps = 3, order = 0, steps = defaultsOf(network).steps, factors } = options;
  requireInteger('images', images, 1);
  requireInteger('order', order, 0, factors ? 1 : MOST_MEASURED_ORDER);
  requireInteger('steps', steps, order + 2, 1000);
  requireInteger('gaps', gaps, 1, steps - 1);
  return { ...options, images, gaps, order, steps };
}

function measurementsOf(network: Network, { order, steps, gaps, factors }: Resolved): KindMeasurement[] {
  const calibrated = factors && ({ policy: 'calibrated', factors } as const);
  if (order > 0) {
    const cache = { ...(calibrated ?? ({ policy: 'taylorseer', basis: 'taylor' } as const)), order };
    const kind = calibrated ? 'calibrate' : 'reuse';
    return [measurement(kind, new ExtrapolationErrors({ cache, order, steps, gaps }))];
  }
  const layers = scheduleLayers(network, 'sublayer');
  const of = (kind: CacheKind, cache: CacheErrors['options']['cache']) =>
    measurement(kind, new CacheErrors({ kind, cache, steps, gaps, layers }));
  return [of('reuse', { policy: 'reuse' }), ...(calibrated ? [of('calibrate', calibrated)] : [])];
}

function measurement(kind: CacheKind, errors: CacheErrors | ExtrapolationErrors): KindMeasurement {
  return { kind, units: errors.units, errors: (results) => errors.errors(results) };
}

function savedRun({ pipeline, options }: Trajectory, resolved: Resolved, folder: string): Promise<SavedRun> {
  const { images, gaps, order, factors } = resolved;
  const others = {
    images,
    gaps,
    order,
    factors: factors?.hash ?? 'none',
    ...(options.text && subjectsKey(pipeline, resolved)),
  };
  return SavedRun.open(folder, runKey(pipeline, options, undefined, others));
}
