/** first-use: JavaScript without types. What is wrong is refused with an error of ours that names it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { imageSource, trajectorySource } from '../../src/calibrate/sources.js';
import { EMBEDDED_MODEL } from '../../src/embedded.js';
import { ArgumentError } from '../../src/errors.js';
import { evaluateModel } from '../../src/evaluate/runs/evaluateModel.js';
import { measureErrors } from '../../src/evaluate/runs/measureErrors.js';
import { tryRanks } from '../../src/evaluate/runs/tryRanks.js';
import { exportModel } from '../../src/export/modelFile.js';
import type { CacheOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { sharedPipeline } from './tinyPipeline.js';

/** As a function of JavaScript, which takes whatever it is given. */
// biome-ignore lint/suspicious/noExplicitAny: that is the point
type Untyped = any;

const JUNK: readonly unknown[] = [undefined, null, 3, Number.NaN, 'x', [], () => 1, Symbol('s'), 10n];

describe('first-use: misuse', () => {
  const pipeline = sharedPipeline('wasm');
  const refused = async (call: () => unknown, message?: RegExp) => {
    await assert.rejects(
      async () => call(),
      (error: unknown) => {
        assert.ok(error instanceof ArgumentError, `${error}`);
        if (message) assert.match(error.message, message);
        return true;
      },
    );
  };
  const sample = (options: Untyped) => pipeline().generate({ labels: [0], steps: 2, ...options });

  test('arguments that are none', async () => {
    const open: Untyped = pipeline();
    const calls: Record<string, (junk: Untyped) => unknown> = {
      generate: (junk) => open.generate(junk),
      sample: (junk) => open.sample(junk).next(),
      plan: (junk) => open.plan(junk),
      trajectorySource: (junk) => trajectorySource(junk),
      imageSource: (junk) => imageSource(open.network, junk),
      'calibrate, its model': (junk) => calibrate(junk, { method: 'svd', rank: 1 }),
      'calibrate, its options': (junk) => calibrate(open, junk),
      'evaluateModel, its pipeline': (junk) => evaluateModel(junk, { images: 1 }),
      'evaluateModel, its options': (junk) => evaluateModel(open, junk),
      'measureErrors, its pipeline': (junk) => measureErrors(junk),
      tryRanks: (junk) => tryRanks(open, junk),
      exportModel: (junk) => exportModel(open, 'nowhere', junk),
    };
    for (const [name, call] of Object.entries(calls))
      for (const junk of JUNK)
        await assert.rejects(async () => call(junk), ArgumentError, `${name} of ${String(junk)}`);
    await refused(() => Pipeline.load(EMBEDDED_MODEL, null as Untyped), /^options is null/);
    await refused(() => (Pipeline.load as Untyped)(), /^path is missing; expected the path of a model/);
    await refused(() => Pipeline.load(3 as Untyped), /^path is 3; expected the path of a model/);
    await refused(() => Pipeline.load(''), /^path is ''; expected the path of a model/);
  });

  test('values of options', async () => {
    for (const name of [
      'labels',
      'steps',
      'sampler',
      'guidanceScale',
      'seed',
      'noise',
      'batch',
      'cache',
      'signal',
    ])
      for (const junk of [null, 'x', {}, Symbol('s'), 10n])
        if (!(name === 'cache' && typeof junk === 'object') && junk !== null)
          await refused(() => sample({ [name]: junk }));
    const values: [Record<string, unknown>, RegExp][] = [
      [{ labels: 3 }, /^labels is 3; expected a list/],
      [{ cache: { policy: 'reuse', gatherSteps: 3 } }, /^gather steps is 3; expected a list/],
      [{ cache: { policy: 'reuse', rule: 3 } }, /^rule is 3; expected a function/],
      [{ cache: { policy: 'reuse', schedule: {} } }, /^schedule is \{\}; expected a Schedule/],
      [{ cache: { policy: 'calibrated', factors: {} } }, /^factors is \{\}; expected a FactorSet/],
      [{ cache: { policy: 'searched', errors: {}, budget: 0.5 } }, /^errors is \{\}; expected an ErrorTable/],
      [{ cache: { policy: 'teacache', threshold: 1, polynomial: 3 } }, /^polynomial is 3; expected/],
      [{ cache: { policy: 'learning-to-cache', table: 3 } }, /^table is 3; expected/],
    ];
    for (const [options, message] of values) await refused(() => sample(options), message);
  });

  test('cache options that TypeScript refuses where they are written', () => {
    const options: CacheOptions[] = [
      { policy: 'reuse', period: 2 },
      // @ts-expect-error factors are needed
      { policy: 'calibrated' },
      // @ts-expect-error a threshold belongs to gates
      { policy: 'reuse', threshold: 0.3 },
    ];
    assert.equal(options.length, 3);
  });

  test('names of options, with the right one', async () => {
    const names: [() => unknown, RegExp][] = [
      [() => sample({ guidance: 4 }), /^a name in options is 'guidance'; expected guidanceScale\b/],
      [() => sample({ cfg_scale: 4 }), /expected guidanceScale\b/],
      [() => sample({ num_inference_steps: 4 }), /expected steps\b/],
      [() => sample({ step: 4 }), /expected steps\b/],
      [() => sample({ colour: 4 }), /expected one of .*labels, .*steps, sampler/],
      [
        () => sample({ cache: { policy: 'reuse', periods: 2 } }),
        /^a name in cache is 'periods'; expected period\b/,
      ],
      [() => Pipeline.load(EMBEDDED_MODEL, { thread: 2 } as Untyped), /expected threads\b/],
      [
        () => trajectorySource(pipeline().network, { images: 2 } as Untyped),
        /^a name in options is 'images'/,
      ],
      [() => evaluateModel(pipeline(), { images: 1, guidance: 2 } as Untyped), /expected guidanceScale\b/],
      [() => measureErrors(pipeline(), { gap: 2 } as Untyped), /expected gaps\b/],
    ];
    for (const [call, message] of names) await refused(call, message);
  });

  test('parameters that another policy has', async () => {
    const others: [Record<string, unknown>, RegExp][] = [
      [
        { policy: 'reuse', threshold: 0.3 },
        /^policy is 'reuse'; expected teacache, first-block, fastcache, easycache or magcache, since threshold/,
      ],
      [
        { policy: 'none', period: 2 },
        /^policy is 'none'; expected reuse, calibrated, taylorseer, fitted or pab, since period/,
      ],
      [{ theta: 0.5 }, /^policy is 'none'; expected learning-to-cache, since theta/],
      [{ policy: 'taylorseer', rule: () => true }, /since rule is given/],
    ];
    for (const [cache, message] of others) await refused(() => sample({ cache }), message);
    await sample({ cache: { policy: 'reuse', threshold: undefined } });
  });
});
