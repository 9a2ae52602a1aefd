/** The trajectories of a pipeline's own runs, for calibration on them. */
import {
  type CalibrationSource,
  type ConditionsInTurn,
  type TrajectorySourceOptions,
  trajectorySource,
} from '../../calibrate/sources.js';
import type { SamplerName } from '../../diffusion/sampler.js';
import { pickOptions } from '../../optionNames.js';
import type { ResolvedOptions } from '../../pipeline/options.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { MEASURED_SAMPLING_NAMES, type MeasuredSampling } from './sampling.js';
import { subjectsOf } from './subjects.js';

/** How images are sampled, and which increments are measured on the way. */
export type OwnTrajectoriesOptions = MeasuredSampling &
  Pick<
    TrajectorySourceOptions,
    'batch' | 'period' | 'order' | 'fits' | 'terms' | 'gatherSteps' | 'computed'
  > & {
    readonly count: number;
  };

/**
 * `trajectorySource` with the sampler, guidance and subjects of such runs: labels in turn, or prompts in an order drawn with the
 * seed. Runs with fresh noise in their steps are measured as DDIM, which has none. Rejects as `sample` does.
 */
export async function ownTrajectories(
  pipeline: Pipeline,
  options: OwnTrajectoriesOptions,
): Promise<{ readonly source: CalibrationSource; readonly conditions: ConditionsInTurn }> {
  const { count, batch, period, order, fits, terms, gatherSteps, computed } = options;
  const { network } = pipeline;
  const sampling = pickOptions<MeasuredSampling>(options, MEASURED_SAMPLING_NAMES);
  const resolved = pipeline.resolve({
    ...(fits && { sampler: fits.info.sampler as SamplerName }),
    ...sampling,
    ...subjectsOf(network, sampling, count),
  });
  const { seed, steps, guidanceScale } = resolved;
  const conditions = await pipeline.conditionsOf(resolved);
  const source = trajectorySource(network, {
    count,
    seed,
    steps,
    guidanceScale,
    ...noiselessSampler(resolved),
    conditions,
    ...(batch !== undefined && { batch }),
    ...(period !== undefined && { period }),
    ...(order !== undefined && { order }),
    ...(fits && { fits }),
    ...(terms !== undefined && { terms }),
    ...(gatherSteps && { gatherSteps }),
    ...(computed !== undefined && { computed }),
  });
  return { source, conditions };
}

function noiselessSampler({ sampler, scheduler, spacing, eta = 0 }: ResolvedOptions) {
  if (sampler === 'ddpm' || eta > 0) return { sampler: 'ddim' } as const;
  return { sampler, ...(scheduler && { scheduler }), ...(spacing && { spacing }) };
}
