/** What the policies that choose by measurement ask of one; `incache measure` makes it. */
import { ArgumentError } from '../errors.js';
import type { CachedRun } from './cachePolicy.js';

/** What is done with a store. */
export type CacheKind = 'reuse' | 'calibrate';

/** Errors of caching, by step, by how far back the computed steps are, and, of order 0, by sublayer. */
export interface MeasuredErrors {
  readonly steps: number;
  /** Gaps from 1 to this one are measured. */
  readonly gaps: number;
  /** The number of sublayers of all blocks, in order. */
  readonly sublayers: number;
  /**
   * Of the extrapolation from the computed steps: 0 returns what the last one stored, higher ones go by `order` more. Of
   * these only one kind is measured, and no sublayers.
   */
  readonly order: number;
  readonly kinds: readonly CacheKind[];
  /**
   * What caching every sublayer at a step does to the final latents, relative to them. `past`: the steps to the last
   * computed one, from that to the one before it and so on, `order` + 1 numbers.
   */
  stepError(kind: CacheKind, step: number, past: readonly number[]): number;
  /** The share of one sublayer in it, when it alone is cached; `gap` is at most `step`. */
  sublayerError(kind: CacheKind, step: number, gap: number, sublayer: number): number;
}

/** Throws an `ArgumentError` unless the errors are those of such a run. */
export function requireErrors(errors: MeasuredErrors, { network, steps }: CachedRun): void {
  const sublayers = network.sublayers.length;
  if (errors.steps !== steps || errors.sublayers !== sublayers)
    throw new ArgumentError(
      'errors',
      `of ${errors.steps} steps and ${errors.sublayers} sublayers`,
      `${steps} steps and ${sublayers} sublayers, as this run has`,
    );
}

/** Throws an `ArgumentError` unless what the run can do to its cached layers, calibrate them or not, was measured. */
export function requireKind({ kinds, order }: MeasuredErrors, calibrates: boolean): void {
  if (calibrates && !kinds.includes('calibrate'))
    throw new ArgumentError('errors', 'of reuse alone', 'errors that were measured with factors');
  if (!calibrates && !kinds.includes('reuse'))
    throw new ArgumentError(
      'errors',
      `of calibration of order ${order}`,
      'the factors beside them, or errors that were measured without factors',
    );
}
