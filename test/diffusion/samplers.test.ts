import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { respace } from '../../src/diffusion/noiseSchedule.js';
import {
  createSampler,
  type Prediction,
  type SamplerName,
  type SamplerSettings,
} from '../../src/diffusion/sampler.js';
import { ArgumentError, IncacheError } from '../../src/errors.js';
import { assertClose } from '../support/compare.js';
import { Random } from '../support/random.js';

const noNoise = (): Float32Array => {
  throw new Error('this sampler asks for no noise');
};

describe('samplers', () => {
  const random = new Random(1);

  for (const name of ['ddim', 'dpm++2m'] as const)
    test(`${name} finds x0 when the network knows the noise`, () => {
      const x0 = random.normals(40);
      const noise = random.normals(40);
      const steps = 12;
      const sampler = createSampler(name, { steps });
      const alphas = respace(1000).alphasCumprod;
      const alphaOf = (timestep: number) => alphas[Math.round(timestep)]!;
      const start = alphaOf(sampler.timesteps[0]!);
      const latents = x0.map((x, i) => Math.sqrt(start) * x + Math.sqrt(1 - start) * noise[i]!);
      const run = sampler.start(noNoise);
      for (let step = 0; step < steps; step++) run.advance(step, latents, { noise });
      // DPM-Solver++ ends at the first training timestep, a hundredth of noise from x0.
      const end = name === 'ddim' ? 1 : alphas[0]!;
      assertClose(
        latents,
        x0.map((x, i) => Math.sqrt(end) * x + Math.sqrt(1 - end) * noise[i]!),
        1e-5,
        'x0',
      );
    });

  test('DDIM with eta 1 has the smaller variance of DDPM, and its mean', () => {
    const steps = 10;
    const { alphasCumprod } = respace(steps);
    const [latents, predicted] = [random.normals(30), random.normals(30)];
    // The network's variance channel at -1 asks DDPM for the smaller variance.
    const prediction = { noise: predicted, variance: new Float32Array(30).fill(-1) };
    for (let step = 0; step < steps - 1; step++) {
      const fresh = random.normals(30);
      const [a, b] = [latents.slice(), latents.slice()];
      createSampler('ddim', { steps, eta: 1 })
        .start(() => fresh)
        .advance(step, a, prediction);
      createSampler('ddpm', { steps })
        .start(() => fresh)
        .advance(step, b, prediction);
      assertClose(a, b, 1e-5, `step ${step} at alpha ${alphasCumprod[steps - 1 - step]}`);
    }
  });

  test('DDPM asks for no noise at the last step, and takes beta as its larger variance', () => {
    const steps = 5;
    const { betas } = respace(steps);
    const prediction = { noise: new Float32Array(1), variance: Float32Array.of(1) };
    for (const variance of ['learned', 'fixed-large'] as const) {
      const sampler = createSampler('ddpm', { steps, variance });
      const latents = new Float32Array(1);
      sampler.start(() => Float32Array.of(1)).advance(0, latents, prediction);
      assertClose(latents, [Math.sqrt(betas[steps - 1]!)], 1e-6, variance);
      sampler.start(noNoise).advance(steps - 1, latents, prediction);
    }
  });

  test('the learned variance is interpolated between logarithms', () => {
    const [steps, step] = [5, 1];
    const deviationAt = (v: number) => {
      const latents = new Float32Array(1);
      const prediction = { noise: new Float32Array(1), variance: Float32Array.of(v) };
      createSampler('ddpm', { steps })
        .start(() => Float32Array.of(1))
        .advance(step, latents, prediction);
      return latents[0]!;
    };
    assertClose([deviationAt(0)], [Math.sqrt(deviationAt(-1) * deviationAt(1))], 1e-6, 'halfway');
    assertClose(
      [deviationAt(0.5)],
      [deviationAt(-1) ** 0.25 * deviationAt(1) ** 0.75],
      1e-6,
      'three quarters',
    );
    assert.ok(deviationAt(-1) < 0.99 * deviationAt(1));
  });

  for (const [name, settings] of [
    ['ddim', { steps: 3, eta: 0.5 }],
    ['ddpm', { steps: 3 }],
    ['dpm++2m', { steps: 3 }],
  ] as const)
    test(`${name} refuses steps and lengths that do not fit`, () => {
      const full = { noise: new Float32Array(2), variance: new Float32Array(2) };
      const advance = (step: number, prediction: Prediction, fresh = 2) =>
        createSampler(name, settings)
          .start(() => new Float32Array(fresh))
          .advance(step, new Float32Array(2), prediction);
      const blames = (argument: string) => (error: Error) =>
        error instanceof ArgumentError && error.argument === argument;
      for (const step of [-1, 3, 0.5]) assert.throws(() => advance(step, full), blames('step'));
      assert.throws(() => advance(0, { ...full, noise: new Float32Array(1) }), blames('prediction.noise'));
      const short = () => advance(0, { ...full, variance: new Float32Array(3) });
      if (name === 'ddpm') assert.throws(short, blames('prediction.variance'));
      else short();
      if (name !== 'dpm++2m') assert.throws(() => advance(0, full, 1), blames('noise'));
    });

  test('dpm++2m refuses a step whose x0 before is missing, or of other latents', () => {
    const run = createSampler('dpm++2m', { steps: 12 }).start(noNoise);
    const advance = (step: number, length = 2) =>
      run.advance(step, new Float32Array(length), { noise: new Float32Array(length) });
    const refused = {
      name: 'ArgumentError',
      message: /^step is \d+; expected one that follows the step before/,
    };
    assert.throws(() => advance(1), refused);
    advance(0);
    assert.throws(() => advance(2), refused);
    assert.throws(() => advance(1, 3), refused);
    advance(1);
    advance(2);
    // Another trajectory of the same run begins with no past.
    advance(0, 3);
  });

  for (const [name, settings, noisy] of [
    ['ddim', {}, false],
    ['ddim', { eta: 0.5 }, true],
    ['ddpm', {}, true],
    ['ddpm', { variance: 'fixed-large' }, true],
    ['ddpm', { variance: 'fixed-small', spacing: 'leading' }, true],
    ['dpm++2m', {}, false],
    ['dpm++2m', { spacing: 'linspace' }, false],
    ['euler', {}, false],
  ] as const)
    test(`the table of ${name} with ${JSON.stringify(settings)} survives JSON, and tells where noise is drawn`, () => {
      for (const steps of [1, 2, 15, 1000]) {
        const { table, timesteps } = createSampler(name, { ...settings, steps });
        // JSON has no infinities.
        assert.deepEqual(JSON.parse(JSON.stringify(table)), table);
        assert.deepEqual(
          table.map(({ timestep }) => timestep),
          timesteps,
        );
        assert.equal(table[0]!.next.x0Before, 0);
        const draws = table.map(({ logDeviation }) => logDeviation !== undefined);
        assert.deepEqual(
          draws,
          table.map((_, step) => noisy && step < steps - 1),
        );
      }
    });

  test("DDPM's variance is the network's where it predicts one, else beta", () => {
    const steps = 4;
    for (const [predictsVariance, variance] of [
      [true, 'learned'],
      [false, 'fixed-large'],
    ] as const) {
      const byDefault = createSampler('ddpm', { steps, predictsVariance });
      assert.deepEqual(byDefault.table, createSampler('ddpm', { steps, variance }).table);
      assert.equal(byDefault.needsVariance, predictsVariance);
    }
    assert.throws(() => createSampler('ddpm', { steps, variance: 'learned', predictsVariance: false }), {
      message: /^variance is 'learned'; expected fixed-large or fixed-small/,
    });
  });

  test('DDPM with learned variance needs one', () => {
    const run = createSampler('ddpm', { steps: 3 }).start(() => new Float32Array(1));
    assert.throws(() => run.advance(0, new Float32Array(1), { noise: new Float32Array(1) }), IncacheError);
  });

  for (const name of ['ddim', 'ddpm', 'dpm++2m', 'euler'] as const)
    test(`${name} takes one step and a thousand`, () => {
      for (const steps of [1, 2, 1000]) {
        const sampler = createSampler(name, { steps });
        assert.equal(sampler.timesteps.length, steps);
        const latents = Float32Array.of(0.5, -1);
        const run = sampler.start(() => Float32Array.of(0.1, 0.2));
        const prediction = { noise: Float32Array.of(0.3, -0.4), variance: new Float32Array(2) };
        for (let step = 0; step < steps; step++) run.advance(step, latents, prediction);
        assert.ok(latents.every(Number.isFinite), `${steps} steps gave ${latents}`);
      }
    });

  const refusals: [SamplerName, SamplerSettings & { steps: number }, RegExp][] = [
    ['ddim', { steps: 0 }, /^steps is 0/],
    ['dpm++2m', { steps: 1001 }, /^steps is 1001/],
    ['ddpm', { steps: 1.5 }, /^steps is 1.5/],
    ['ddim', { steps: 5, eta: -0.1 }, /^eta is -0.1; expected a finite number from 0 to 1/],
    ['ddpm', { steps: 5, eta: 0 }, /^eta is 0; expected no eta: ddpm has none/],
    [
      'ddim',
      { steps: 5, variance: 'learned' },
      /^variance is 'learned'; expected no variance: ddim has none/,
    ],
    [
      'ddpm',
      { steps: 5, variance: 'small' as 'learned' },
      /^variance is 'small'; expected one of learned, fixed-large, fixed-small/,
    ],
    ['heun' as 'ddim', { steps: 5 }, /^sampler is 'heun'; expected one of ddim, ddpm, dpm\+\+2m, euler/],
    ['ddim', { steps: 999, spacing: 'stride' }, /^steps is 999; expected a number that a whole stride/],
    [
      'euler',
      { steps: 5, spacing: 'even' },
      /^spacing is 'even'; expected one of leading, trailing, linspace/,
    ],
    ['dpm++2m', { steps: 5, spacing: 'stride' }, /^spacing is 'stride'; expected another one/],
    ['dpm++2m', { steps: 1000, spacing: 'leading' }, /^steps is 1000; expected at most 999/],
    [
      'ddim',
      { steps: 5, spacing: 'even', scheduler: {} },
      /^spacing is 'even'; expected one of leading, trailing, linspace for a scheduler/,
    ],
  ];
  for (const [name, settings, message] of refusals)
    test(`refuses ${name} with ${JSON.stringify(settings)}`, () => {
      assert.throws(
        () => createSampler(name, settings),
        (error: Error) => {
          assert.ok(error instanceof ArgumentError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
});
