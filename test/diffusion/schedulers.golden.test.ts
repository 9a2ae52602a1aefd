/** Samplers from scheduler configurations against diffusers: their timesteps and noise levels, and their steps. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { respace } from '../../src/diffusion/noiseSchedule.js';
import { createSampler, type Sampler, type SamplerRequest } from '../../src/diffusion/sampler.js';
import { type SchedulerConfig, samplerOfScheduler } from '../../src/diffusion/scheduler.js';
import { assertClose } from '../support/compare.js';
import { goldenFiles, openGolden, readGoldenText, requireKind, toleranceOf } from '../support/golden.js';

/** A case of `*-timesteps.json`: what a scheduler lays out for so many steps. Infinity is written as text. */
interface Layout {
  readonly scheduler: string;
  readonly config: string;
  readonly override?: SchedulerConfig;
  readonly steps: number;
  readonly error?: string;
  readonly timesteps: readonly number[];
  readonly alpha_prod_t?: readonly number[];
  readonly alpha_prod_t_prev?: readonly number[];
  readonly sigmas?: readonly number[];
  readonly init_noise_sigma?: number;
}

interface Layouts {
  readonly configs: Readonly<Record<string, SchedulerConfig>>;
  readonly cases: readonly Layout[];
}

const ADM = 'Meta space_timesteps';

/** Our sampler for a configuration that may be of another class: as diffusers' `from_config`. */
function samplerFor(className: string, config: SchedulerConfig, request: SamplerRequest): Sampler {
  const known = Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      typeof value === 'string' && /Infinity$/.test(value) ? Number(value) : value,
    ]),
  );
  return createSampler(samplerOfScheduler({ _class_name: className }), { ...request, scheduler: known });
}

const layouts = goldenFiles(/-timesteps\.json$/, 'checkpoints');
requireKind('layouts of schedulers', layouts);

for (const file of layouts)
  describe(file, () => {
    const { configs, cases }: Layouts = JSON.parse(readGoldenText(file));
    const tolerance = toleranceOf(file, 1e-6);
    for (const layout of cases) {
      const { scheduler, config, override = {}, steps } = layout;
      const name = `${scheduler} of ${config} ${JSON.stringify(override)}, ${steps} steps`;
      if (scheduler === ADM) test(name, () => assertRespaced(layout));
      else
        test(name, () => {
          const merged = { ...configs[config], ...override };
          assertLayout(samplerFor(scheduler, merged, { steps }), layout, tolerance);
        });
    }
  });

function assertRespaced({ config, steps, timesteps, error }: Layout): void {
  const respacing = config.startsWith('ddim') ? 'stride' : 'even';
  if (error !== undefined)
    assert.throws(() => respace(steps, respacing), { name: 'ArgumentError', argument: 'steps' });
  else assert.deepEqual([...respace(steps, respacing).timesteps].reverse(), timesteps);
}

/** What is recorded against what a table says: x0 = x / sqrt(alpha) - sigma noise, and where a step leads. */
function assertLayout(sampler: Sampler, layout: Layout, tolerance: number): void {
  const { alpha_prod_t: alphas, alpha_prod_t_prev: alphasNext, sigmas } = layout;
  if (layout.timesteps.every(Number.isInteger)) assert.deepEqual(sampler.timesteps, layout.timesteps);
  else assertEach(sampler.timesteps, layout.timesteps, 1e-6, 'timesteps');
  if (alphas)
    assertEach(
      sampler.table.map(({ x0 }) => 1 / x0.x ** 2),
      alphas,
      tolerance,
      'alpha_prod_t',
    );
  if (alphasNext && sampler.name === 'ddim')
    assertEach(
      sampler.table.map(({ next }) => next.x0 ** 2),
      alphasNext,
      tolerance,
      'alpha_prod_t_prev',
    );
  if (sigmas) assertSigmas(sampler, sigmas, 10 * tolerance);
  if (layout.init_noise_sigma !== undefined) {
    // Latents of Euler's method are kept divided by this.
    const scale = Math.hypot(sigmas![0]!, 1);
    assertEach([sampler.initialScale * scale], [layout.init_noise_sigma], tolerance, 'init_noise_sigma');
  }
}

function assertSigmas(sampler: Sampler, recorded: readonly number[], tolerance: number): void {
  const sigmas = sampler.table.map(({ x0 }) => -x0.noise);
  assertEach(sigmas, recorded.slice(0, -1), tolerance, 'sigmas');
  const { next, x0 } = sampler.table.at(-1)!;
  const last = recorded.at(-1)!;
  if (sampler.name === 'euler') assertEach([next.noise - x0.noise], [last], tolerance, 'last sigma');
  else assertEach([(next.x * -x0.noise) / x0.x], [last / Math.hypot(last, 1)], tolerance, 'last sigma');
}

/** Every element by itself, relative to it or, below 1e-3, to that. */
function assertEach(
  actual: readonly number[],
  expected: readonly number[],
  tolerance: number,
  what: string,
): void {
  assert.equal(actual.length, expected.length, `number of ${what}`);
  for (const [i, value] of expected.entries()) {
    const error = Math.abs(actual[i]! - value) / Math.max(Math.abs(value), 1e-3);
    assert.ok(
      error <= tolerance,
      `${what}[${i}] is ${actual[i]}, recorded ${value}: ${error} exceeds ${tolerance}`,
    );
  }
}

/** From the manifest's text: the class, the number of steps and the configuration of every recorded solver. */
function recordedSolvers(): Record<string, SchedulerConfig & { class: string; steps: number }> {
  if (goldenFiles(/^manifest\.json$/, 'checkpoints').length === 0) return {};
  const { schedulers }: { schedulers?: string[] } = JSON.parse(readGoldenText('checkpoints/manifest.json'));
  const [, text] =
    /name -> config: (\{.*\})\s*$/s.exec(schedulers?.find((line) => line.includes('name -> config')) ?? '') ??
    [];
  return text === undefined ? {} : JSON.parse(text);
}

/** What diffusers has and we refuse, by the field that the refusal names. */
const REFUSED: Readonly<Record<string, (config: SchedulerConfig) => boolean>> = {
  algorithm_type: ({ algorithm_type: type }) => type === 'sde-dpmsolver',
};

const solvers = Object.entries(recordedSolvers());
const [stepsFile] = goldenFiles(/^scheduler-steps\.safetensors$/, 'checkpoints');
requireKind('recorded steps of schedulers', stepsFile === undefined ? [] : solvers);

if (stepsFile !== undefined)
  describe(stepsFile, () => {
    using golden = openGolden(stepsFile);
    const names = new Set(
      [...golden.tensors.keys()].filter((name) => name.includes('.')).map((name) => name.split('.')[0]!),
    );
    test('the manifest has the configuration of each', () =>
      assert.deepEqual([...names].sort(), solvers.map(([name]) => name).sort()));
    for (const [name, { class: className, steps, ...config }] of solvers) {
      const refusal = Object.entries(REFUSED).find(([, asks]) => asks(config))?.[0];
      const eta = /-eta(\d+)$/.exec(name)?.[1];
      const create = () =>
        samplerFor(className, config, { steps, ...(eta !== undefined && { eta: Number(eta) }) });
      if (refusal !== undefined)
        test(`${name} is refused by name`, () =>
          assert.throws(create, { name: 'ArgumentError', argument: `scheduler.${refusal}` }));
      else test(name, () => followSteps(stepsFile, name, create()));
    }
  });

function followSteps(file: string, name: string, sampler: Sampler): void {
  using golden = openGolden(file);
  const tolerance = toleranceOf(file, 1e-4);
  const has = (field: string) => golden.tensors.has(`${name}.${field}`);
  const eps = golden.read(`${name}.eps`);
  const trajectory = golden.read(`${name}.trajectory`);
  assertEach(sampler.timesteps, [...golden.readFloat64(`${name}.timesteps`)], 1e-6, 'timesteps');
  const latents = sampler.initialLatents(golden.read('z'));
  const size = latents.length;
  const at = (values: Float32Array, step: number) => values.subarray(step * size, (step + 1) * size);
  const run = sampler.start((step) => at(golden.read(`${name}.noise`), step));
  for (let step = 0; step < sampler.table.length; step++) {
    if (has('scaled_input'))
      assertClose(latents, at(golden.read(`${name}.scaled_input`), step), tolerance, `input of step ${step}`);
    run.advance(step, latents, { noise: at(eps, step) });
    // Of a scheduler with a scaled input the samples are in another scale, but for the last.
    if (!has('scaled_input') || step === sampler.table.length - 1)
      assertClose(latents, at(trajectory, step), tolerance, `sample after step ${step}`);
  }
}
