/** Measured errors against runs of the pipeline, and the file they are kept in. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, mock, test } from 'node:test';
import { ErrorTable } from '../../src/cache/data/errorTable.js';
import type { FactorSet } from '../../src/cache/data/factorSet.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { relativeL2 } from '../../src/evaluate/metrics/relativeL2.js';
import {
  type MeasureErrorsOptions,
  measureErrors,
  measuringWork,
} from '../../src/evaluate/runs/measureErrors.js';
import { StepNetwork, Trajectory } from '../../src/evaluate/runs/stepwise.js';
import type { CacheOptions, CacheParameters, SampleOptions } from '../../src/pipeline/options.js';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import { sharedPipeline } from '../pipeline/tinyPipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { TINY, TINY_NETWORK } from '../support/tinyModel.js';

const STEPS = 5;
const LAST = STEPS - 1;
const SUBLAYERS = ['blocks.0.attention', 'blocks.0.mlp', 'blocks.1.attention', 'blocks.1.mlp'];

describe('measured errors', () => {
  const pipeline = sharedPipeline('wasm');
  const options = { images: 2, gaps: 2, steps: STEPS, seed: 5 } satisfies MeasureErrorsOptions;
  let low: FactorSet;
  let full: FactorSet;
  let table: ErrorTable;
  const sampling: SampleOptions = { labels: [0, 1], steps: STEPS, seed: 5 };
  /** What the cache does to the final latents, by the pipeline itself. */
  const errorOf = async (cache: CacheOptions) => {
    const run = async (given: CacheOptions) =>
      (await pipeline().generate({ ...sampling, cache: given })).latents;
    return relativeL2(await run(cache), await run({ policy: 'none' }));
  };
  const latentsAfter = async (step: number, cache: CacheOptions) => {
    for await (const { index, latents } of pipeline().sample({ ...sampling, cache }))
      if (index === step) return latents();
    return assert.fail('no such step');
  };
  const near = (actual: number, expected: number, what: string) =>
    assert.ok(Math.abs(actual / expected - 1) < 1e-3, `${what}: ${actual}, not ${expected}`);

  before(async () => {
    const svd = (rank: number) => calibrate(pipeline(), { method: 'svd', rank });
    [low, full] = [await svd(4), await svd(TINY.hiddenSize)];
    table = await measureErrors(pipeline(), { ...options, factors: low });
  });

  test('are to one another as the changes of the latents that the pipeline makes', async () => {
    for (let step = 1; step < STEPS - 1; step++) {
      const change = async (cache: CacheOptions) =>
        relativeL2(await latentsAfter(step, cache), await latentsAfter(step, { policy: 'none' }));
      const unit =
        (await change({ policy: 'reuse', rule: (at) => at !== step })) / table.stepError('reuse', step, [1]);
      for (const [kind, cache] of [
        ['reuse', (given: CacheParameters): CacheOptions => ({ policy: 'reuse', ...given })],
        [
          'calibrate',
          (given: CacheParameters): CacheOptions => ({ policy: 'calibrated', ...given, factors: low }),
        ],
      ] as const) {
        near(
          table.stepError(kind, step, [1]) * unit,
          await change(cache({ rule: (at) => at !== step })),
          kind,
        );
        for (const [column, sublayer] of SUBLAYERS.entries()) {
          const rule = (at: number, layer: string) => at !== step || layer !== sublayer;
          const alone = await change(cache({ granularity: 'sublayer', rule }));
          near(
            table.sublayerError(kind, step, 1, column) * unit,
            alone,
            `${kind}, ${sublayer}, step ${step}`,
          );
        }
      }
    }
  });

  test('are of the size of the final error that the pipeline finds', async () => {
    for (let step = 1; step < LAST; step++) {
      const [measured, found] = [
        table.stepError('reuse', step, [1]),
        await errorOf({ policy: 'reuse', rule: (at) => at !== step }),
      ];
      assert.ok(measured > found / 2 && measured < 2 * found, `step ${step}: ${measured}, found ${found}`);
    }
  });

  test('depend on the gap, and are 0 where it reaches back too far', () => {
    for (let step = 2; step < STEPS; step++)
      assert.notEqual(table.stepError('reuse', step, [2]), table.stepError('reuse', step, [1]));
    for (const [step, gap] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const)
      for (const sublayer of SUBLAYERS.keys())
        assert.equal(
          table.stepError('reuse', step, [gap]) + table.sublayerError('reuse', step, gap, sublayer),
          0,
        );
    assert.ok(table.stepError('reuse', 1, [1]) > 0);
  });

  test('of calibration vanish at full rank', async () => {
    const exact = await measureErrors(pipeline(), { ...options, gaps: 1, factors: full });
    for (let step = 1; step < STEPS; step++)
      assert.ok(exact.stepError('calibrate', step, [1]) < 1e-3 * table.stepError('reuse', step, [1]));
  });

  test('take as many evaluations as was said, without guidance and with a multistep sampler too', async () => {
    for (const given of [
      options,
      { ...options, factors: low, guidanceScale: 1 },
      { ...options, order: 1, gaps: 1 },
      { ...options, order: 2, gaps: 1 },
    ] as MeasureErrorsOptions[]) {
      let evaluations = 0;
      const all = { ...given, sampler: 'dpm++2m' as const, onProgress: () => evaluations++ };
      const errors = await measureErrors(pipeline(), all);
      assert.equal(evaluations, measuringWork(TINY_NETWORK, all));
      assert.equal(errors.info.sampler, 'dpm++2m');
      const past = new Array<number>(1 + errors.order).fill(1);
      for (let step = past.length; step < STEPS; step++) assert.ok(errors.stepError('reuse', step, past) > 0);
    }
  });

  test('stop when they are told to', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const measured = measureErrors(pipeline(), {
      ...options,
      signal: stop.signal,
      onProgress: () => stop.abort(reason),
    });
    await assert.rejects(measured, reason);
  });

  test('refuse what cannot be measured', async () => {
    const refused = (given: MeasureErrorsOptions, message: RegExp) =>
      assert.rejects(measureErrors(pipeline(), { ...options, ...given }), { name: 'ArgumentError', message });
    await refused({ gaps: STEPS }, /gaps is 5; expected an integer from 1 to 4/);
    await refused({ steps: 1 }, /steps is 1; expected an integer from 2 to 1000/);
    await refused({ steps: 3, order: 2 }, /steps is 3; expected an integer from 4 to 1000/);
    await refused({ order: 3 }, /order is 3; expected an integer from 0 to 2/);
    await refused({ order: 2, factors: low }, /order is 2; expected an integer from 0 to 1/);
    await refused({ images: 0 }, /images is 0; expected an integer of at least 1/);
  });

  test('come back from their file as they were', () => {
    const path = `${folder}/errors.safetensors`;
    table.save(path);
    const read = ErrorTable.load(path);
    assert.deepEqual(read.info, table.info);
    assert.deepEqual(read.kinds, ['reuse', 'calibrate']);
    read.save(`${path}.again`);
    assert.deepEqual(readFileSync(`${path}.again`), readFileSync(path));
  });

  test('know their model and their factors', async () => {
    table.requireModel(pipeline().checkpoint.hash);
    table.requireFactors(low);
    assert.throws(() => table.requireModel('other'), {
      message: /measured of another model, tiny\.safetensors \(hash \w+\); this one is of hash other/,
    });
    assert.throws(() => table.requireFactors(full), { message: /measured with other factors/ });
    const plan = (cache: CacheOptions) => pipeline().plan({ ...sampling, cache });
    const cache = { policy: 'searched', errors: table, budget: 0.7 } as const;
    assert.throws(() => plan({ ...cache, factors: full }), { message: /with other factors/ });
    const alone = await measureErrors(pipeline(), { ...options, gaps: 1 });
    assert.deepEqual(alone.kinds, ['reuse']);
    assert.throws(() => plan({ ...cache, errors: alone, factors: low }), {
      message: /measured without factors/,
    });
    plan({ ...cache, errors: alone });
  });
});

describe('measured errors of extrapolation', () => {
  const pipeline = sharedPipeline('wasm');
  const steps = 7;
  const options = { images: 2, gaps: 2, order: 1, steps, seed: 5 } satisfies MeasureErrorsOptions;
  const trajectory = () => new Trajectory(pipeline(), { labels: [0, 1], steps, seed: 5 });
  let table: ErrorTable;

  before(async () => {
    table = await measureErrors(pipeline(), options);
  });

  /** How far the prediction of `step` is off when it is extrapolated from these steps, on the uncached trajectory. */
  async function changeFrom(gathered: readonly number[], step: number): Promise<number> {
    const whole = trajectory();
    using full = await StepNetwork.create(whole, { policy: 'none' }, 1);
    await whole.sample(full, () => {});
    const first = gathered[0]!;
    const cache = { policy: 'taylorseer', order: 1, gatherSteps: gathered.map((at) => at - first) } as const;
    using network = await StepNetwork.create(whole, cache, step - first + 1);
    for (const at of gathered) await network.predict(at - first, at, whole.latents[at]!);
    const { noise } = await network.predict(step - first, step, whole.latents[step]!);
    return relativeL2(noise, whole.predictions[step]!.noise);
  }

  test('are to one another, at a step, as what is predicted from computed steps so far away', async () => {
    const step = 5;
    const unit = table.stepError('reuse', step, [1, 1]) / (await changeFrom([3, 4], step));
    for (const [gap, between] of [
      [1, 2],
      [1, 3],
      [2, 1],
      [2, 3],
    ] as const) {
      const last = step - gap;
      const expected = unit * (await changeFrom([last - between, last], step));
      const found = table.stepError('reuse', step, [gap, between]);
      assert.ok(Math.abs(found / expected - 1) < 1e-3, `${gap}, ${between}: ${found}, not ${expected}`);
    }
    assert.equal(table.stepError('reuse', 3, [2, 2]), 0);
  });

  test('are of the size of the final error that the pipeline finds', async () => {
    const sampling = { labels: [0, 1], steps, seed: 5 };
    const whole = await pipeline().generate(sampling);
    for (let step = 2; step < steps; step++) {
      const gatherSteps = Array.from({ length: steps }, (_, at) => at).filter((at) => at !== step);
      const cache = { policy: 'taylorseer', order: 1, gatherSteps } as const;
      const found = relativeL2((await pipeline().generate({ ...sampling, cache })).latents, whole.latents);
      const measured = table.stepError('reuse', step, [1, 1]);
      assert.ok(measured > found / 2 && measured < 2 * found, `step ${step}: ${measured}, found ${found}`);
    }
  });

  test('of calibration against the line vanish at full rank', async () => {
    const factors = await calibrate(pipeline(), { method: 'svd', rank: TINY.hiddenSize });
    const exact = await measureErrors(pipeline(), { ...options, factors });
    assert.deepEqual(exact.kinds, ['calibrate']);
    for (let step = 4; step < steps; step++)
      assert.ok(exact.stepError('calibrate', step, [2, 2]) < 1e-3 * table.stepError('reuse', step, [2, 2]));
  });

  test('make searched the policy that it would be with its steps given', async () => {
    const run = { labels: [2], steps };
    const cache = { policy: 'searched', errors: table, budget: 0.8 } as const;
    const searched = await pipeline().generate({ ...run, cache });
    const whole = await pipeline().generate(run);
    assert.ok(searched.report.macs < 0.85 * whole.report.macs);
    const best = await Promise.all(
      [2, 3, 4, 5, 6].flatMap((a) =>
        [2, 3, 4, 5, 6].map(async (b) => {
          const gatherSteps = Array.from({ length: steps }, (_, at) => at).filter(
            (at) => at !== a && at !== b,
          );
          const given = { policy: 'taylorseer', order: 1, gatherSteps } as const;
          return relativeL2((await pipeline().generate({ ...run, cache: given })).latents, searched.latents);
        }),
      ),
    );
    assert.ok(best.includes(0), `${best}`);
  });

  test('go on where they were stopped, and are the same', async () => {
    const resumed = { ...options, folder: join(folder, 'resumed') };
    for (const left of [10, 60]) {
      const stop = new AbortController();
      let evaluations = left;
      const onProgress = () => --evaluations === 0 && stop.abort(new Error('enough'));
      const run = measureErrors(pipeline(), { ...resumed, signal: stop.signal, onProgress });
      await assert.rejects(run, { message: 'enough' });
    }
    const evaluated = mock.method(StepNetwork.prototype, 'predict');
    let reported = 0;
    const errors = await measureErrors(pipeline(), { ...resumed, onProgress: () => reported++ });
    evaluated.mock.restore();
    assert.equal(reported, measuringWork(TINY_NETWORK, options));
    assert.ok(evaluated.mock.callCount() < reported - 30, `${evaluated.mock.callCount()} of ${reported}`);
    const [once, again] = [join(folder, 'once'), join(folder, 'again')];
    table.save(once);
    errors.save(again);
    assert.deepEqual(readFileSync(again), readFileSync(once));
    await assert.rejects(measureErrors(pipeline(), { ...resumed, gaps: 1 }), /in it gaps is 2, not 1/);
  });
});

const folder = temporaryFolder();

describe('files of errors', () => {
  const info = {
    modelHash: 'x',
    sampler: 'ddim',
    steps: 2,
    gaps: 1,
    sublayers: 2,
    guidanceScale: 1.5,
    images: 1,
    seed: 0,
    createdBy: 'x',
  };
  const refused = (metadata: Record<string, string>, values: number[], message: RegExp) => {
    const path = `${folder}/bad.safetensors`;
    const tensors = [
      { name: 'reuse.steps', dtype: 'F64' as const, shape: [2, 1], data: Float64Array.of(0, 1) },
      {
        name: 'reuse.sublayers',
        dtype: 'F64' as const,
        shape: [values.length],
        data: Float64Array.from(values),
      },
    ];
    writeSafetensors(path, tensors, metadata);
    assert.throws(() => ErrorTable.load(path), { name: 'FormatError', message });
  };
  const whole = { format: 'incache-errors', version: '1', info: JSON.stringify(info) };

  test('of another kind, damaged or lying are refused', () => {
    refused(
      { ...whole, format: 'incache-factors' },
      [0, 0, 1, 1],
      /not a file of errors: its format is incache-factors/,
    );
    refused({ ...whole, version: '2' }, [0, 0, 1, 1], /of version 2; this incache reads version 1/);
    refused({ ...whole, info: '{' }, [0, 0, 1, 1], /no description/);
    refused({ ...whole, info: 'null' }, [0, 0, 1, 1], /steps is missing/);
    refused({ ...whole, info: '{"steps":2}' }, [0, 0, 1, 1], /gaps is missing/);
    refused(
      { ...whole, info: JSON.stringify({ ...info, order: 3 }) },
      [],
      /order is 3; expected an integer from 0 to 2/,
    );
    refused(
      { ...whole, info: JSON.stringify({ ...info, order: 1 }) },
      [],
      /reuse.steps.length is 2; expected 4/,
    );
    refused(whole, [0, 0, 1], /reuse.sublayers.length is 3; expected 4/);
    refused(whole, [0, 0, 1, -1], /reuse.sublayers holds -1 at element 3/);
    refused(whole, [0, 0, 1, Number.NaN], /reuse.sublayers holds NaN at element 3/);
    const calibrated = { ...info, factorHash: 'y' };
    refused({ ...whole, info: JSON.stringify(calibrated) }, [0, 0, 1, 1], /no tensor 'calibrate.steps'/);
  });
});
