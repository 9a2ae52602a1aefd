/** What the policies that choose by measurement ask of one; `incache measure` makes it. */
import { ArgumentError } from '../errors.js';
import type { CachedRun } from './cachePolicy.js';
import { scheduleLayers } from './schedule.js';

/** What is done with a store. */
export type CacheKind = 'reuse' | 'calibrate';

/** Errors of caching, by step, by the gap to the step that was stored (1 is the step before), and by sublayer. */
export interface MeasuredErrors {
  readonly steps: number;
  /** Gaps from 1 to this one are measured. */
  readonly gaps: number;
  /** Two a block: attention, MLP. */
  readonly sublayers: number;
  /** Whether calibration was measured beside reuse. */
  readonly calibrated: boolean;
  /** What caching every sublayer at a step does to the latents after it, relative to them. `gap` is at most `step`. */
  stepError(kind: CacheKind, step: number, gap: number): number;
  /** The share of one sublayer in it, when it alone is cached. */
  sublayerError(kind: CacheKind, step: number, gap: number, sublayer: number): number;
}

/** Throws an `ArgumentError` unless the errors are those of such a run. */
export function requireErrors(errors: MeasuredErrors, { config, steps }: CachedRun): void {
  const sublayers = scheduleLayers(config.depth, 'sublayer').length;
  if (errors.steps !== steps || errors.sublayers !== sublayers)
    throw new ArgumentError(
      'errors',
      `of ${errors.steps} steps and ${errors.sublayers} sublayers`,
      `${steps} steps and ${sublayers} sublayers, as this run has`,
    );
}

/** Throws an `ArgumentError` unless calibration was measured. */
export function requireCalibrated(errors: MeasuredErrors): void {
  if (!errors.calibrated)
    throw new ArgumentError('errors', 'of reuse alone', 'errors that were measured with factors');
}
