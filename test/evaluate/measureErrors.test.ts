/** Measured errors against runs of the pipeline, and the file they are kept in. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { ErrorTable } from '../../src/calibrate/errorTable.js';
import type { FactorSet } from '../../src/calibrate/factorSet.js';
import { type MeasureErrorsOptions, measureErrors, measuringWork } from '../../src/evaluate/measureErrors.js';
import { relativeL2 } from '../../src/evaluate/relativeL2.js';
import type { CacheOptions, SampleOptions } from '../../src/pipeline/options.js';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import { sharedPipeline } from '../pipeline/tinyPipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { TINY } from '../support/tinyModel.js';

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
        (await change({ policy: 'reuse', rule: (at) => at !== step })) / table.stepError('reuse', step, 1);
      for (const [kind, cache] of [
        ['reuse', { policy: 'reuse' }],
        ['calibrate', { policy: 'calibrated', factors: low }],
      ] as const) {
        near(
          table.stepError(kind, step, 1) * unit,
          await change({ ...cache, rule: (at) => at !== step }),
          kind,
        );
        for (const [column, sublayer] of SUBLAYERS.entries()) {
          const rule = (at: number, layer: string) => at !== step || layer !== sublayer;
          const alone = await change({ ...cache, granularity: 'sublayer', rule });
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
        table.stepError('reuse', step, 1),
        await errorOf({ policy: 'reuse', rule: (at) => at !== step }),
      ];
      assert.ok(measured > found / 2 && measured < 2 * found, `step ${step}: ${measured}, found ${found}`);
    }
  });

  test('depend on the gap, and are 0 where it reaches back too far', () => {
    for (let step = 2; step < STEPS; step++)
      assert.notEqual(table.stepError('reuse', step, 2), table.stepError('reuse', step, 1));
    for (const [step, gap] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const)
      for (const sublayer of SUBLAYERS.keys())
        assert.equal(
          table.stepError('reuse', step, gap) + table.sublayerError('reuse', step, gap, sublayer),
          0,
        );
    assert.ok(table.stepError('reuse', 1, 1) > 0);
  });

  test('of calibration vanish at full rank', async () => {
    const exact = await measureErrors(pipeline(), { ...options, gaps: 1, factors: full });
    for (let step = 1; step < STEPS; step++)
      assert.ok(exact.stepError('calibrate', step, 1) < 1e-3 * table.stepError('reuse', step, 1));
  });

  test('take as many evaluations as was said, without guidance and with a multistep sampler too', async () => {
    for (const given of [options, { ...options, factors: low, guidanceScale: 1 }] as MeasureErrorsOptions[]) {
      let evaluations = 0;
      const all = { ...given, sampler: 'dpm++2m' as const, onProgress: () => evaluations++ };
      const errors = await measureErrors(pipeline(), all);
      assert.equal(evaluations, measuringWork(TINY, all));
      assert.equal(errors.info.sampler, 'dpm++2m');
      for (let step = 1; step < STEPS; step++) assert.ok(errors.stepError('reuse', step, 1) > 0);
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
    await refused({ images: 0 }, /images is 0; expected an integer of at least 1/);
  });

  test('come back from their file as they were', () => {
    const path = `${folder}/errors.safetensors`;
    table.save(path);
    const read = ErrorTable.load(path);
    assert.deepEqual(read.info, table.info);
    assert.deepEqual(read.kinds, table.kinds);
    assert.ok(read.calibrated);
  });

  test('know their model and their factors', async () => {
    table.requireModel(pipeline().checkpoint.hash);
    table.requireFactors(low);
    assert.throws(() => table.requireModel('other'), {
      message: /measured of the model with hash \w+, not .* other/,
    });
    assert.throws(() => table.requireFactors(full), { message: /measured with other factors/ });
    const plan = (cache: CacheOptions) => pipeline().plan({ ...sampling, cache });
    const cache = { policy: 'searched', errors: table, budget: 0.7 } as const;
    assert.throws(() => plan({ ...cache, factors: full }), { message: /with other factors/ });
    const alone = await measureErrors(pipeline(), { ...options, gaps: 1 });
    assert.ok(!alone.calibrated);
    assert.throws(() => plan({ ...cache, errors: alone, factors: low }), {
      message: /measured without factors/,
    });
    plan({ ...cache, errors: alone });
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
    refused(whole, [0, 0, 1], /reuse.sublayers.length is 3; expected 4/);
    refused(whole, [0, 0, 1, -1], /reuse.sublayers holds -1 at element 3/);
    refused(whole, [0, 0, 1, Number.NaN], /reuse.sublayers holds NaN at element 3/);
    const calibrated = { ...info, factorHash: 'y' };
    refused({ ...whole, info: JSON.stringify(calibrated) }, [0, 0, 1, 1], /no tensor 'calibrate.steps'/);
  });
});
