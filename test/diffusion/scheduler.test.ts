/** Scheduler configurations: what they may hold, and that every parameterization of one process samples the same. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSampler, type SamplerName } from '../../src/diffusion/sampler.js';
import { type SchedulerConfig, samplerOfScheduler } from '../../src/diffusion/scheduler.js';
import { assertClose } from '../support/compare.js';
import { Random } from '../support/random.js';

const NAMES = ['ddim', 'ddpm', 'dpm++2m', 'euler'] as const;

const noNoise = (): Float32Array => {
  throw new Error('this sampler asks for no noise');
};

const refusals: [SamplerName, SchedulerConfig, RegExp][] = [
  ['ddim', { beta_schedule: 'sigmoid' }, /^scheduler\.beta_schedule is 'sigmoid'; expected one of linear/],
  ['ddim', { beta_start: 'x' }, /^scheduler\.beta_start is 'x'; expected a number from 0 to 1$/],
  ['ddim', { beta_end: 2 }, /^scheduler\.beta_end is 2; expected a number from 0 to 1$/],
  [
    'ddim',
    { num_train_timesteps: 1e9 },
    /^scheduler\.num_train_timesteps is 1000000000; expected an integer/,
  ],
  [
    'ddim',
    { trained_betas: [0.1] },
    /^scheduler\.trained_betas is \[0\.1\]; expected a list of at least two/,
  ],
  ['ddim', { trained_betas: [0.1, -1] }, /^scheduler\.trained_betas\[1\] is -1; expected a finite number/],
  ['ddim', { clip_sample: 'yes' }, /^scheduler\.clip_sample is 'yes'; expected true or false$/],
  ['ddim', { thresholding: true }, /^scheduler\.thresholding is true; expected false: incache does not/],
  ['ddim', { timestep_spacing: 'even' }, /^scheduler\.timestep_spacing is 'even'; expected one of leading/],
  ['ddim', { steps_offset: 901 }, /^steps_offset is 901; expected at most 99$/],
  ['ddim', { steps_offset: -1 }, /^scheduler\.steps_offset is -1; expected an integer/],
  ['ddim', { prediction_type: 'flow' }, /^scheduler\.prediction_type is 'flow'; expected one of epsilon/],
  [
    'ddim',
    { rescale_betas_zero_snr: true },
    /^scheduler\.rescale_betas_zero_snr is true; expected false where/,
  ],
  [
    'ddpm',
    { variance_type: 'learned' },
    /^scheduler\.variance_type is 'learned'; expected one of fixed_small/,
  ],
  ['dpm++2m', { algorithm_type: 'sde-dpmsolver' }, /^scheduler\.algorithm_type is 'sde-dpmsolver'; expected/],
  [
    'dpm++2m',
    { algorithm_type: 'dpmsolver' },
    /^scheduler\.final_sigmas_type is 'zero'; expected sigma_min for algorithm_type dpmsolver/,
  ],
  ['dpm++2m', { solver_order: 4 }, /^scheduler\.solver_order is 4; expected an integer from 1 to 3$/],
  [
    'dpm++2m',
    { algorithm_type: 'sde-dpmsolver++', solver_order: 3 },
    /^scheduler\.solver_order is 3; expected an integer from 1 to 2$/,
  ],
  ['dpm++2m', { solver_type: 'bh1' }, /^scheduler\.solver_type is 'bh1'; expected one of midpoint, heun$/],
  ['dpm++2m', { use_beta_sigmas: true }, /^scheduler\.use_beta_sigmas is true; expected false/],
  ['dpm++2m', { use_flow_sigmas: true }, /^scheduler\.use_flow_sigmas is true; expected false/],
  ['dpm++2m', { final_sigmas_type: 'one' }, /^scheduler\.final_sigmas_type is 'one'; expected one of zero/],
  ['euler', { timestep_type: 'continuous' }, /^scheduler\.timestep_type is 'continuous'; expected one of/],
  ['euler', { interpolation_type: 'log_linear' }, /^scheduler\.interpolation_type is 'log_linear'/],
  ['euler', { use_lu_lambdas: true }, /^scheduler\.use_lu_lambdas is true; expected false: this sampler/],
];

describe('scheduler configurations', () => {
  for (const [name, scheduler, message] of refusals)
    test(`${name} refuses ${JSON.stringify(scheduler)}`, () => {
      assert.throws(() => createSampler(name, { steps: 10, scheduler }), { name: 'ArgumentError', message });
    });

  test('a class that there is no sampler for is named', () => {
    for (const value of ['PNDMScheduler', undefined, 3, 'constructor'])
      assert.throws(() => samplerOfScheduler({ _class_name: value }), {
        message: /^scheduler\._class_name is .*; expected one of DDIMScheduler, DDPMScheduler/,
      });
  });

  test('more steps than the process has are refused', () => {
    for (const name of NAMES)
      assert.throws(() => createSampler(name, { steps: 101, scheduler: { num_train_timesteps: 100 } }), {
        message: /^steps is 101; expected an integer from 1 to 100$/,
      });
  });

  test('a null is a silent field, and fields of other classes are ignored', () => {
    const scheduler = { trained_betas: null, beta_end: null, sigma_min: null, skip_prk_steps: true };
    for (const name of NAMES)
      assert.deepEqual(
        createSampler(name, { steps: 5, scheduler }).table,
        createSampler(name, { steps: 5, scheduler: {} }).table,
      );
  });

  test('x0 is clipped by default only where the configuration is of that class', () => {
    const clips = (scheduler: SchedulerConfig) =>
      createSampler('ddim', { steps: 5, scheduler }).table.map(({ x0 }) => x0.clip);
    assert.deepEqual(new Set(clips({ _class_name: 'DDIMScheduler' })), new Set([1]));
    assert.deepEqual(new Set(clips({ clip_sample: true, clip_sample_range: 2 })), new Set([2]));
    for (const scheduler of [
      { _class_name: 'DDIMScheduler', clip_sample: false },
      { _class_name: 'DPMSolverMultistepScheduler' },
    ])
      assert.deepEqual(new Set(clips(scheduler)), new Set([undefined]));
  });

  test('a spacing that a run asks for goes before that of the configuration', () => {
    const scheduler = { timestep_spacing: 'leading' };
    for (const name of NAMES)
      assert.equal(createSampler(name, { steps: 10, scheduler, spacing: 'trailing' }).timesteps[0], 999);
  });

  test('trained betas are taken as they are, and tell how many steps there are', () => {
    const betas = Array.from({ length: 20 }, (_, i) => 0.01 + 0.01 * i);
    const { table, timesteps } = createSampler('ddim', { steps: 4, scheduler: { trained_betas: betas } });
    assert.deepEqual(timesteps, [15, 10, 5, 0]);
    const alphas = timesteps.map((t) => betas.slice(0, t + 1).reduce((all, beta) => all * (1 - beta), 1));
    assertClose(
      table.map(({ x0 }) => 1 / x0.x ** 2),
      alphas,
      1e-6,
      'alphas',
    );
  });

  for (const beta_schedule of ['scaled_linear', 'squaredcos_cap_v2'])
    test(`${beta_schedule} goes from clean to noise`, () => {
      const { table } = createSampler('ddim', { steps: 1000, scheduler: { beta_schedule } });
      const alphas = table.map(({ x0 }) => 1 / x0.x ** 2);
      assert.ok(alphas.every((alpha, i) => i === 0 || alpha > alphas[i - 1]!));
      assert.ok(alphas[0]! < 0.01 && alphas.at(-1)! > 0.99 && alphas.at(-1)! < 1);
    });

  test('a process rescaled to end without signal starts from pure noise', () => {
    const scheduler = {
      rescale_betas_zero_snr: true,
      prediction_type: 'v_prediction',
      timestep_spacing: 'trailing',
    };
    const { table } = createSampler('ddim', { steps: 10, scheduler });
    assert.ok(Math.abs(table[0]!.x0.x) === 0 && table[0]!.x0.noise === -1);
    for (const name of ['dpm++2m', 'euler'] as const)
      for (const step of createSampler(name, { steps: 10, scheduler }).table)
        assert.deepEqual(JSON.parse(JSON.stringify(step)), step);
  });

  test('steps whose noise levels are equal leave the latents as they are', () => {
    const { table } = createSampler('dpm++2m', { steps: 999, spacing: 'linspace' });
    for (const { next } of table) assert.ok(Object.values(next).every(Number.isFinite));
  });
});

describe('parameterizations', () => {
  const random = new Random(3);
  const [x0, noise] = [random.normals(24), random.normals(24)];

  /** Latents of a whole run on a network that knows x0 and the noise exactly, whatever it is asked to predict. */
  function sampled(name: SamplerName, prediction_type: string, extra: SchedulerConfig): Float32Array {
    const scheduler = { prediction_type, clip_sample: false, ...extra };
    const sampler = createSampler(name, { steps: 10, scheduler });
    // alpha at the steps, from a sampler that predicts the noise.
    const alphas = createSampler(name, {
      steps: 10,
      scheduler: { ...scheduler, prediction_type: 'epsilon' },
    }).table.map((step) => 1 / step.x0.x ** 2);
    const mix = (alpha: number) => x0.map((x, i) => Math.sqrt(alpha) * x + Math.sqrt(1 - alpha) * noise[i]!);
    const latents = mix(alphas[0]!);
    const run = sampler.start(noNoise);
    for (const [step, alpha] of alphas.entries()) {
      const [signal, sigma] = [Math.sqrt(alpha), Math.sqrt(1 - alpha)];
      const outputs: Record<string, Float32Array> = {
        epsilon: noise,
        sample: x0,
        v_prediction: noise.map((value, i) => signal * value - sigma * x0[i]!),
      };
      assertClose(latents, mix(alpha), 1e-5, `${name}, ${prediction_type}: latents of step ${step}`);
      run.advance(step, latents, { noise: outputs[prediction_type]! });
    }
    return latents;
  }

  for (const name of ['ddim', 'dpm++2m', 'euler'] as const)
    for (const spacing of ['leading', 'trailing', 'linspace'])
      for (const prediction_type of ['epsilon', 'v_prediction', 'sample'])
        test(`${name} with ${spacing} spacing finds x0 from ${prediction_type}`, () => {
          // DDIM steps back by a fixed stride, so that only spacings with that stride meet their next step.
          if (name === 'ddim' && spacing === 'linspace') return;
          assertClose(sampled(name, prediction_type, { timestep_spacing: spacing }), x0, 2e-5, 'x0');
        });

  for (const solver_type of ['midpoint', 'heun'])
    test(`DPM-Solver++ with ${solver_type} finds x0`, () => {
      const latents = sampled('dpm++2m', 'epsilon', { solver_type, use_karras_sigmas: true });
      assertClose(latents, x0, 2e-5, 'x0');
    });
});
