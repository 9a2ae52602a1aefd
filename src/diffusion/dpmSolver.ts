/**
 * DPM-Solver, multistep, of order 1 to 3: with data prediction (DPM-Solver++, Lu et al. 2022b, algorithm 2), also in its
 * stochastic form, and with noise prediction (Lu et al. 2022a). The equations of order 3 and of SDEs are those of diffusers'
 * `DPMSolverMultistepScheduler`.
 */
import { cleanFrom, noiseFrom, type Parameterization } from './parameterization.js';
import type { SamplerStep } from './sampler.js';

/** A point of the trajectory: x = alpha x0 + sigma noise, with alpha^2 + sigma^2 = 1. */
export interface SolverPoint {
  readonly timestep: number;
  readonly alpha: number;
  /** 0 at the end of a trajectory that leaves no noise. */
  readonly sigma: number;
}

export const SOLVER_ALGORITHMS = ['dpmsolver++', 'dpmsolver', 'sde-dpmsolver++'] as const;
export type SolverAlgorithm = (typeof SOLVER_ALGORITHMS)[number];

export interface SolverOptions {
  readonly predicts: Parameterization;
  /** Default `dpmsolver++`. */
  readonly algorithm?: SolverAlgorithm;
  /** How the slope of the second order enters: by the midpoint of a step, or as Heun's method does. */
  readonly type: 'midpoint' | 'heun';
  /** The order that step i is to have. The first steps have the order that the steps before them allow. */
  readonly order: (step: number) => number;
}

/** What a step makes of x, of the value m (x0, or the noise), of its slope in lambda, and of its curvature. */
interface Weights {
  readonly x: number;
  readonly value: number;
  readonly midpoint: number;
  readonly heun: number;
  readonly curvature: number;
  /** Standard deviation of fresh noise. */
  readonly deviation: number;
}

/** points: one more than there are steps. A step that the noise of its ends does not change leaves x as it is. */
export function dpmSolver(points: readonly SolverPoint[], options: SolverOptions): SamplerStep[] {
  const { predicts, algorithm = 'dpmsolver++', type, order } = options;
  const lambdas = points.map(({ alpha, sigma }) => Math.log(alpha) - Math.log(sigma));
  return points.slice(0, -1).map((point, step) => {
    const next = points[step + 1]!;
    const [h, h0, h1] = [1, 0, -1].map((back) => lambdas[step + back]! - lambdas[step + back - 1]!) as [
      number,
      number,
      number,
    ];
    const weights = WEIGHTS[algorithm](point, next, h);
    const { x, value, deviation } = weights;
    const reach = order(step);
    const slopes = { newest: 0, before: 0 };
    if (reach >= 3 && step >= 2 && h > 0 && h0 > 0 && h1 > 0) {
      const share = h0 / (h0 + h1);
      const change = weights.heun * share + (weights.curvature * h) / (h0 + h1);
      slopes.newest = ((weights.heun + change) * h) / h0;
      slopes.before = (change * h) / h1;
    } else if (reach >= 2 && step >= 1 && h > 0 && h0 > 0) {
      slopes.newest = (weights[type] * h) / h0;
    }
    const { newest, before } = slopes;
    return {
      timestep: point.timestep,
      x0: (algorithm === 'dpmsolver' ? noiseFrom : cleanFrom)(predicts, point.alpha ** 2),
      next: {
        x,
        x0: value + newest,
        x0Before: newest + before === 0 ? 0 : -(newest + before),
        ...(before !== 0 && { x0Earlier: before }),
        noise: 0,
      },
      ...(deviation > 0 && { logDeviation: [Math.log(deviation), Math.log(deviation)] as const }),
    };
  });
}

/** h: growth of lambda = log(alpha / sigma) over the step; infinite at the end of one that leaves no noise. */
const WEIGHTS: Record<SolverAlgorithm, (from: SolverPoint, to: SolverPoint, h: number) => Weights> = {
  'dpmsolver++': (from, { alpha, sigma }, h) => ({
    x: sigma / from.sigma,
    value: -alpha * Math.expm1(-h),
    midpoint: -0.5 * alpha * Math.expm1(-h),
    heun: alpha * (Math.expm1(-h) / h + 1),
    curvature: -alpha * ((Math.expm1(-h) + h) / h ** 2 - 0.5),
    deviation: 0,
  }),
  dpmsolver: (from, { alpha, sigma }, h) => ({
    x: alpha / from.alpha,
    value: -sigma * Math.expm1(h),
    midpoint: -0.5 * sigma * Math.expm1(h),
    heun: -sigma * (Math.expm1(h) / h - 1),
    curvature: -sigma * ((Math.expm1(h) - h) / h ** 2 - 0.5),
    deviation: 0,
  }),
  'sde-dpmsolver++': (from, { alpha, sigma }, h) => ({
    x: (sigma / from.sigma) * Math.exp(-h),
    value: -alpha * Math.expm1(-2 * h),
    midpoint: -0.5 * alpha * Math.expm1(-2 * h),
    heun: alpha * (Math.expm1(-2 * h) / (2 * h) + 1),
    curvature: 0,
    deviation: sigma * Math.sqrt(-Math.expm1(-2 * h)),
  }),
};
