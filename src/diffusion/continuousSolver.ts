/** DPM-Solver++ 2M as its authors run it on a discrete process, at times spread uniformly over a continuous one. */
import { requireInteger } from '../errors.js';
import { dpmSolver } from './dpmSolver.js';
import { cumulativeAlphas, linearBetas, TRAINING_STEPS } from './noiseSchedule.js';
import type { SamplerStep } from './sampler.js';

/** The continuous time at which sampling starts and ends; the network's timestep is 1000 t - 1. */
const START = 1;
const END = 1 / TRAINING_STEPS;

/** Below this number of steps the last one is of first order, for stability. */
const LOWER_ORDER_FINAL_BELOW = 10;

/** Second order but for the first step and, with fewer than ten steps, the last. */
export function continuousSolver(steps: number): SamplerStep[] {
  requireInteger('steps', steps, 1, TRAINING_STEPS);
  const logAlpha = logAlphaOfTime();
  const points = Array.from({ length: steps + 1 }, (_, i) => {
    const time = START + ((END - START) * i) / steps;
    const logMean = logAlpha(time);
    return {
      timestep: (time - 1 / TRAINING_STEPS) * TRAINING_STEPS,
      alpha: Math.exp(logMean),
      sigma: Math.sqrt(1 - Math.exp(2 * logMean)),
    };
  });
  return dpmSolver(points, {
    predicts: 'epsilon',
    type: 'midpoint',
    order: (step) => (steps >= LOWER_ORDER_FINAL_BELOW || step < steps - 1 ? 2 : 1),
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
