/** DPM-Solver++ with data prediction, multistep (Lu et al. 2022, algorithm 2). */
import { cleanFrom, type Parameterization } from './parameterization.js';
import type { SamplerStep } from './sampler.js';

/** A point of the trajectory: x = alpha x0 + sigma noise, with alpha^2 + sigma^2 = 1. */
export interface SolverPoint {
  readonly timestep: number;
  readonly alpha: number;
  /** 0 at the end of a trajectory that leaves no noise. */
  readonly sigma: number;
}

export interface SolverOptions {
  readonly predicts: Parameterization;
  /** How the slope of the second order enters: by the midpoint of a step, or as Heun's method does. */
  readonly type: 'midpoint' | 'heun';
  /** Whether step i, which is never the first, is of the second order. */
  readonly secondOrder: (step: number) => boolean;
}

/** points: one more than there are steps. A step that the noise of its ends does not change leaves x as it is. */
export function dpmSolver(points: readonly SolverPoint[], options: SolverOptions): SamplerStep[] {
  const { predicts, type, secondOrder } = options;
  const lambdas = points.map(({ alpha, sigma }) => Math.log(alpha) - Math.log(sigma));
  return points.slice(0, -1).map((point, step) => {
    const next = points[step + 1]!;
    const h = lambdas[step + 1]! - lambdas[step]!;
    const hBefore = step === 0 ? 0 : lambdas[step]! - lambdas[step - 1]!;
    const weight = -next.alpha * Math.expm1(-h);
    const slope = hBefore > 0 && h > 0 && secondOrder(step) ? slopeOf(type, next.alpha, h) / hBefore : 0;
    return {
      timestep: point.timestep,
      x0: cleanFrom(predicts, point.alpha ** 2),
      next: { x: next.sigma / point.sigma, x0: weight + slope, x0Before: slope === 0 ? 0 : -slope, noise: 0 },
    };
  });
}

/** What the difference of the last two x0 is multiplied by, times the step before. */
function slopeOf(type: SolverOptions['type'], alpha: number, h: number): number {
  return type === 'midpoint' ? -0.5 * alpha * Math.expm1(-h) * h : alpha * (Math.expm1(-h) + h);
}
