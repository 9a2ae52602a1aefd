/** DPM-Solver of every algorithm and order against the update rules of diffusers, written out as they stand there. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSampler } from '../../src/diffusion/sampler.js';

const BETAS = Array.from({ length: 100 }, (_, i) => 1e-3 + 4e-4 * i);
const SIGMAS = BETAS.map((_, t) => {
  const alpha = BETAS.slice(0, t + 1).reduce((product, beta) => product * (1 - beta), 1);
  return Math.sqrt((1 - alpha) / alpha);
});

interface Level {
  readonly alpha: number;
  readonly sigma: number;
  readonly lambda: number;
}

function levelOf(sigma: number): Level {
  const alpha = 1 / Math.sqrt(sigma ** 2 + 1);
  return { alpha, sigma: sigma * alpha, lambda: Math.log(alpha) - Math.log(sigma * alpha) };
}

type Values = readonly [m0: number, m1?: number, m2?: number];

/** `dpm_solver_first_order_update` and the multistep updates of second and third order. levels: from the next one back. */
function update(
  algorithm: string,
  type: string,
  levels: readonly Level[],
  x: number,
  [m0, m1, m2]: Values,
  z: number,
): number {
  const [t, s0, s1, s2] = levels as [Level, Level, Level, Level];
  const h = t.lambda - s0.lambda;
  const { exp } = Math;
  if (m1 === undefined) {
    if (algorithm === 'dpmsolver++') return (t.sigma / s0.sigma) * x - t.alpha * (exp(-h) - 1) * m0;
    if (algorithm === 'dpmsolver') return (t.alpha / s0.alpha) * x - t.sigma * (exp(h) - 1) * m0;
    const noise = t.sigma * Math.sqrt(1 - exp(-2 * h)) * z;
    return (t.sigma / s0.sigma) * exp(-h) * x + t.alpha * (1 - exp(-2 * h)) * m0 + noise;
  }
  const r0 = (s0.lambda - s1.lambda) / h;
  const first = (1 / r0) * (m0 - m1);
  if (m2 === undefined) {
    const isMidpoint = type === 'midpoint';
    if (algorithm === 'dpmsolver++') {
      const base = (t.sigma / s0.sigma) * x - t.alpha * (exp(-h) - 1) * m0;
      if (isMidpoint) return base - 0.5 * (t.alpha * (exp(-h) - 1)) * first;
      return base + t.alpha * ((exp(-h) - 1) / h + 1) * first;
    }
    if (algorithm === 'dpmsolver') {
      const base = (t.alpha / s0.alpha) * x - t.sigma * (exp(h) - 1) * m0;
      if (isMidpoint) return base - 0.5 * (t.sigma * (exp(h) - 1)) * first;
      return base - t.sigma * ((exp(h) - 1) / h - 1) * first;
    }
    const base = (t.sigma / s0.sigma) * exp(-h) * x + t.alpha * (1 - exp(-2 * h)) * m0;
    const noise = t.sigma * Math.sqrt(1 - exp(-2 * h)) * z;
    if (isMidpoint) return base + 0.5 * (t.alpha * (1 - exp(-2 * h))) * first + noise;
    return base + t.alpha * ((1 - exp(-2 * h)) / (-2 * h) + 1) * first + noise;
  }
  const r1 = (s1.lambda - s2.lambda) / h;
  const second = (1 / r1) * (m1 - m2);
  const d1 = first + (r0 / (r0 + r1)) * (first - second);
  const d2 = (1 / (r0 + r1)) * (first - second);
  if (algorithm === 'dpmsolver++')
    return (
      (t.sigma / s0.sigma) * x -
      t.alpha * (exp(-h) - 1) * m0 +
      t.alpha * ((exp(-h) - 1) / h + 1) * d1 -
      t.alpha * ((exp(-h) - 1 + h) / h ** 2 - 0.5) * d2
    );
  return (
    (t.alpha / s0.alpha) * x -
    t.sigma * (exp(h) - 1) * m0 -
    t.sigma * ((exp(h) - 1) / h - 1) * d1 -
    t.sigma * ((exp(h) - 1 - h) / h ** 2 - 0.5) * d2
  );
}

/** A made-up network; alphas are rounded to float32 as in diffusers; every step starts from the latents that the one before has left. */
const output = (x: number, timestep: number): number => Math.sin(3 * x) + 0.01 * timestep;
const noiseOf = (step: number): number => Math.cos(5 * step);

/** `convert_model_output`. */
function converted(algorithm: string, predicts: string, { alpha, sigma }: Level, x: number, out: number) {
  if (algorithm === 'dpmsolver') {
    if (predicts === 'epsilon') return out;
    return predicts === 'sample' ? (x - alpha * out) / sigma : alpha * out + sigma * x;
  }
  if (predicts === 'epsilon') return (x - sigma * out) / alpha;
  return predicts === 'sample' ? out : alpha * x - sigma * out;
}

describe('DPM-Solver', () => {
  for (const algorithm of ['dpmsolver++', 'dpmsolver', 'sde-dpmsolver++'])
    for (const order of algorithm === 'sde-dpmsolver++' ? [1, 2] : [1, 2, 3])
      for (const type of order === 2 ? ['midpoint', 'heun'] : ['midpoint'])
        for (const predicts of ['epsilon', 'v_prediction', 'sample'])
          test(`${algorithm}, order ${order}, ${type}, ${predicts}`, () => {
            for (const steps of [3, 9, 20])
              for (const final_sigmas_type of algorithm === 'dpmsolver'
                ? ['sigma_min']
                : ['sigma_min', 'zero']) {
                const scheduler = {
                  trained_betas: BETAS,
                  algorithm_type: algorithm,
                  solver_order: order,
                  solver_type: type,
                  prediction_type: predicts,
                  final_sigmas_type,
                };
                const sampler = createSampler('dpm++2m', { steps, scheduler });
                const { timesteps } = sampler;
                const levels = timesteps.map((timestep) => levelOf(SIGMAS[timestep]!));
                levels.push(levelOf(final_sigmas_type === 'zero' ? 0 : SIGMAS[0]!));
                const run = sampler.start((step) => new Float32Array([noiseOf(step)]));
                const latents = new Float32Array([0.7]);
                const values: number[] = [];
                for (const [step, timestep] of timesteps.entries()) {
                  const x = latents[0]!;
                  const out = Math.fround(output(x, timestep));
                  values.unshift(converted(algorithm, predicts, levels[step]!, x, out));
                  run.advance(step, latents, { noise: new Float32Array([out]) });
                  const isLast = step === steps - 1;
                  const low = steps < 15;
                  let reach = Math.min(order, step + 1);
                  if (isLast && (low || final_sigmas_type === 'zero')) reach = 1;
                  else if (step === steps - 2 && low) reach = Math.min(reach, 2);
                  const back = [0, 1, 2, 3].map((i) => levels[step + 1 - i]!);
                  const kept = values.slice(0, reach) as unknown as Values;
                  const expected = update(algorithm, type, back, x, kept, Math.fround(noiseOf(step)));
                  const error = Math.abs(latents[0]! - expected) / (1 + Math.abs(expected));
                  assert.ok(error < 3e-5, `step ${step} of ${steps}, ${final_sigmas_type}: ${error}`);
                }
              }
          });

  test('a step of order 3 that does not follow the two before it is refused', () => {
    const scheduler = { trained_betas: BETAS, solver_order: 3, final_sigmas_type: 'sigma_min' };
    const run = createSampler('dpm++2m', { steps: 20, scheduler }).start(() => new Float32Array(1));
    const advance = (step: number) => run.advance(step, new Float32Array(1), { noise: new Float32Array(1) });
    advance(0);
    assert.throws(
      () => advance(2),
      /^ArgumentError: step is 2; expected one that follows the step before it/,
    );
  });
});
