/** Which timesteps of the training process a sampler visits, by the rules of diffusers' schedulers. */
import { ArgumentError, requireInteger } from '../errors.js';

export const SPACINGS = ['leading', 'trailing', 'linspace'] as const;
export type Spacing = (typeof SPACINGS)[number];

export interface SpacingOptions {
  readonly steps: number;
  /** Steps of the training process. */
  readonly trainSteps: number;
  /** Added to every timestep of `leading`. */
  readonly offset: number;
}

/**
 * `steps` timesteps in sampling order, from noisy to clean; those of `linspace` may be fractional. Throws an
 * `ArgumentError` for fewer than one step, for more than the process has, and for an offset that leaves the process.
 */
export function spacedTimesteps(spacing: Spacing, { steps, trainSteps, offset }: SpacingOptions): number[] {
  requireInteger('steps', steps, 1, trainSteps);
  switch (spacing) {
    case 'leading':
      return leading(steps, Math.floor(trainSteps / steps), trainSteps, offset);
    case 'trailing':
      return trailing(steps, trainSteps, trainSteps / steps);
    case 'linspace':
      return linspace(0, trainSteps - 1, steps).reverse();
  }
}

/**
 * The timesteps of DPM-Solver++, which lays out one more and leaves out the last, so that they do not end at 0. All are
 * whole. last: one more than the noisiest timestep.
 */
export function solverTimesteps(
  spacing: Spacing,
  { steps, trainSteps, offset }: SpacingOptions,
  last: number,
): number[] {
  requireInteger('steps', steps, 1, trainSteps);
  switch (spacing) {
    case 'leading': {
      const stride = Math.floor(last / (steps + 1));
      if (stride < 1)
        throw new ArgumentError('steps', steps, `at most ${last - 1} for leading timesteps of this solver`);
      return leading(steps + 1, stride, trainSteps, offset).slice(0, -1);
    }
    case 'trailing':
      return trailing(steps, last, trainSteps / steps);
    case 'linspace':
      return linspace(0, last - 1, steps + 1)
        .map(roundHalfEven)
        .reverse()
        .slice(0, -1);
  }
}

function leading(steps: number, stride: number, trainSteps: number, offset: number): number[] {
  const first = (steps - 1) * stride + offset;
  if (first >= trainSteps)
    throw new ArgumentError('steps_offset', offset, `at most ${trainSteps - 1 - (first - offset)}`);
  return Array.from({ length: steps }, (_, i) => first - i * stride);
}

function trailing(steps: number, last: number, stride: number): number[] {
  // As numpy's arange adds them: the difference of the first two, times i.
  const difference = last - stride - last;
  return Array.from({ length: steps }, (_, i) => Math.max(0, roundHalfEven(last + i * difference) - 1));
}

/** As numpy's linspace, ascending. */
export function linspace(start: number, stop: number, count: number): number[] {
  const step = count > 1 ? (stop - start) / (count - 1) : 0;
  return Array.from({ length: count }, (_, i) => (i > 0 && i === count - 1 ? stop : start + i * step));
}

/** As Python's and numpy's round: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
