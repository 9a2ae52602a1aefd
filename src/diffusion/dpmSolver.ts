import { requireInteger } from '../errors.js';
import { cumulativeAlphas, linearBetas, TRAINING_STEPS } from './noiseSchedule.js';
import type { Sampler } from './sampler.js';

/** The continuous time at which sampling starts and ends; the network's timestep is 1000 t - 1. */
const START = 1;
const END = 1 / TRAINING_STEPS;

/** Below this number of steps the last one is of first order, for stability. */
const LOWER_ORDER_FINAL_BELOW = 10;

/**
 * DPM-Solver++ 2M (Lu et al. 2022, algorithm 2): multistep, second order, data prediction, times spread
 * uniformly, first order at the first step and, with fewer than ten steps, at the last.
 */
export function dpmSolver(steps: number): Sampler {
  requireInteger('steps', steps, 1, TRAINING_STEPS);
  const logAlpha = logAlphaOfTime();
  const times = Array.from({ length: steps + 1 }, (_, i) => START + ((END - START) * i) / steps);
  const points = times.map((time) => {
    const logMean = logAlpha(time);
    const sigma = Math.sqrt(1 - Math.exp(2 * logMean));
    return { alpha: Math.exp(logMean), sigma, lambda: logMean - Math.log(sigma) };
  });
  return {
    name: 'dpm++2m',
    timesteps: times.slice(0, steps).map((time) => (time - 1 / TRAINING_STEPS) * TRAINING_STEPS),
    needsVariance: false,
    start: () => {
      let before: Float64Array | undefined;
      return {
        advance(step, latents, { noise }) {
          const [s, t] = [points[step]!, points[step + 1]!];
          const h = t.lambda - s.lambda;
          const lowerOrder = !before || (steps < LOWER_ORDER_FINAL_BELOW && step === steps - 1);
          const ratio = lowerOrder ? 0 : h / (s.lambda - points[step - 1]!.lambda);
          const x0 = Float64Array.from(latents, (x, i) => (x - s.sigma * noise[i]!) / s.alpha);
          for (let i = 0; i < latents.length; i++) {
            const slope = ratio === 0 ? 0 : 0.5 * ratio * (x0[i]! - before![i]!);
            latents[i] = (t.sigma / s.sigma) * latents[i]! - t.alpha * Math.expm1(-h) * (x0[i]! + slope);
          }
          before = x0;
        },
      };
    },
  };
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
