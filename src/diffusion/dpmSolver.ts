import { requireInteger } from '../errors.js';
import { cumulativeAlphas, linearBetas, TRAINING_STEPS } from './noiseSchedule.js';
import type { SamplerStep } from './sampler.js';

/** The continuous time at which sampling starts and ends; the network's timestep is 1000 t - 1. */
const START = 1;
const END = 1 / TRAINING_STEPS;

/** Below this number of steps the last one is of first order, for stability. */
const LOWER_ORDER_FINAL_BELOW = 10;

/**
 * DPM-Solver++ 2M (Lu et al. 2022, algorithm 2): multistep, second order, data prediction, times spread
 * uniformly, first order at the first step and, with fewer than ten steps, at the last.
 */
export function dpmSolver(steps: number): SamplerStep[] {
  requireInteger('steps', steps, 1, TRAINING_STEPS);
  const logAlpha = logAlphaOfTime();
  const times = Array.from({ length: steps + 1 }, (_, i) => START + ((END - START) * i) / steps);
  const points = times.map((time) => {
    const logMean = logAlpha(time);
    const sigma = Math.sqrt(1 - Math.exp(2 * logMean));
    return { alpha: Math.exp(logMean), sigma, lambda: logMean - Math.log(sigma) };
  });
  return times.slice(0, steps).map((time, step) => {
    const [s, t] = [points[step]!, points[step + 1]!];
    const h = t.lambda - s.lambda;
    const lowerOrder = step === 0 || (steps < LOWER_ORDER_FINAL_BELOW && step === steps - 1);
    const slope = lowerOrder ? 0 : (0.5 * h) / (s.lambda - points[step - 1]!.lambda);
    const weight = -t.alpha * Math.expm1(-h);
    return {
      timestep: (time - 1 / TRAINING_STEPS) * TRAINING_STEPS,
      x0: { x: 1 / s.alpha, noise: -s.sigma / s.alpha },
      next: {
        x: t.sigma / s.sigma,
        x0: weight * (1 + slope),
        x0Before: lowerOrder ? 0 : -weight * slope,
        noise: 0,
      },
    };
  });
}

/** log sqrt(alphaCumprod) at a continuous time in [1/1000, 1], linear between the training steps. */
function logAlphaOfTime(): (time: number) => number {
  const logs = cumulativeAlphas(linearBetas()).map((alpha) => 0.5 * Math.log(alpha));
  return (time) => {
    const place = Math.min(TRAINING_STEPS - 1, Math.max(0, time * TRAINING_STEPS - 1));
    const low = Math.min(TRAINING_STEPS - 2, Math.floor(place));
    return logs[low]! + (logs[low + 1]! - logs[low]!) * (place - low);
  };
}
