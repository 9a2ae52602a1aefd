/** Whole evaluations of a tiny model: what they report, and that being killed changes nothing. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { FeatureExtractor } from '../../src/evaluate/features/featureExtractor.js';
import { meanPsnr } from '../../src/evaluate/metrics/psnr.js';
import { measureReference } from '../../src/evaluate/metrics/reference.js';
import {
  type EvaluateOptions,
  type EvaluationReport,
  evaluateModel,
} from '../../src/evaluate/runs/evaluateModel.js';
import { trajectoryError } from '../../src/evaluate/runs/trajectory.js';
import { sharedPipeline } from '../pipeline/tinyPipeline.js';
import { relativeL2 } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';

const PIXELS = 64;

/** Means of the quarters of a picture of 8 x 8, as features, maps and (two of them) logits. */
const quarters: FeatureExtractor = {
  name: 'quarters',
  fingerprint: 'quarters',
  features: 4,
  spatialFeatures: 4,
  classes: 3,
  requireSize: () => {},
  dispose: async () => {},
  extract: async ({ data, shape: [images] }) => {
    const features = Float32Array.from({ length: images * 4 }, (_, i) =>
      data
        .subarray((i >> 2) * PIXELS + (i & 3) * 16, (i >> 2) * PIXELS + (i & 3) * 16 + 16)
        .reduce((a, b) => a + b, 0),
    );
    return { features, spatial: features, logits: features.filter((_, i) => (i & 3) < 3) };
  },
};

describe('evaluating a model', () => {
  const pipeline = sharedPipeline('wasm');
  const folder = temporaryFolder();
  const path = (name: string) => join(folder, name);
  const options: EvaluateOptions = {
    images: 40,
    steps: 3,
    batch: 6,
    seed: 5,
    cache: { policy: 'reuse', period: 3 },
    compare: true,
    extractor: quarters,
  };
  const untimed = ({
    millisecondsPerImage,
    uncachedMillisecondsPerImage = 1,
    ...report
  }: EvaluationReport): Omit<EvaluationReport, 'millisecondsPerImage'> => {
    assert.ok(millisecondsPerImage > 0 && uncachedMillisecondsPerImage > 0);
    return report;
  };

  test('reports metrics and costs', async () => {
    const random = new Random(1);
    const reference = await measureReference(
      { data: random.normals(30 * PIXELS), shape: [30, 1, 8, 8] },
      quarters,
    );
    const report = await evaluateModel(pipeline(), { ...options, reference, precisionRecall: true });
    const labels = Array.from({ length: 40 }, (_, i) => i % 3);
    const run = { labels, steps: 3, seed: 5, batch: 6 };
    const cached = await pipeline().generate({ ...run, cache: options.cache! });
    const whole = await pipeline().generate(run);
    assert.equal(report.images, 40);
    assert.ok(Math.abs(report.relativeL2! / relativeL2(cached.latents, whole.latents) - 1) < 1e-9);
    assert.ok(Math.abs(report.macsPerImage / (cached.report.macs / 40) - 1) < 1e-12);
    assert.ok(report.bytesPerImage! > 0);
    assert.ok(report.psnr! > 0 && report.frechet! > 0);
    assert.equal(report.spatialFrechet, report.frechet, 'of the same features');
    assert.ok(report.inceptionScore!.mean >= 1 && report.accuracy! >= 0);
    assert.ok(report.precision! >= 0 && report.recall! <= 1);
    // The window of SSIM is larger than the pictures.
    assert.equal(report.ssim, undefined);
  });

  test('killed at any time and taken up again: the same numbers and the same files', async () => {
    const whole = untimed(
      await evaluateModel(pipeline(), {
        ...options,
        npz: path('whole.npz'),
        statistics: path('whole.stats.npz'),
      }),
    );
    const kept = {
      ...options,
      folder: path('run'),
      npz: path('kept.npz'),
      statistics: path('kept.stats.npz'),
    };
    // Stopped twice by a signal, in the midst of a batch.
    for (const steps of [20, 9]) {
      const controller = new AbortController();
      let left = steps;
      const onStep = () => {
        if (--left === 0) controller.abort();
      };
      await assert.rejects(evaluateModel(pipeline(), { ...kept, signal: controller.signal, onStep }), {
        name: 'AbortError',
      });
      assert.ok(existsSync(path('run/state.safetensors')) && !existsSync(path('kept.npz')));
    }
    // As a kill leaves it: the files of rows are ahead of the state.
    const copy = { ...kept, folder: path('copy') };
    cpSync(path('run/state.safetensors'), path('state'));
    await evaluateModel(pipeline(), kept);
    cpSync(path('run'), path('copy'), { recursive: true });
    cpSync(path('state'), path('copy/state.safetensors'));
    for (const again of [kept, copy]) {
      assert.deepEqual(untimed(await evaluateModel(pipeline(), again)), whole);
      for (const [mine, theirs] of [
        ['kept.npz', 'whole.npz'],
        ['kept.stats.npz', 'whole.stats.npz'],
      ])
        assert.deepEqual(readFileSync(path(mine!)), readFileSync(path(theirs!)));
    }
  });

  test('uncached images of an earlier run serve as well as their own', async () => {
    const { cache: _, compare: __, ...plain } = options;
    const samples = path('uncached.float32');
    await evaluateModel(pipeline(), { ...plain, samples });
    assert.equal(readFileSync(samples).length, 40 * PIXELS * 4);
    const { uncachedMacsPerImage, ...own } = untimed(await evaluateModel(pipeline(), options));
    assert.ok(uncachedMacsPerImage! > own.macsPerImage);
    assert.deepEqual(untimed(await evaluateModel(pipeline(), { ...options, compare: samples })), own);
    assert.ok(own.relativeL2! > 0);
    // Fewer steps against them, and more images than there are.
    const fewer = await evaluateModel(pipeline(), { ...plain, steps: 2, compare: samples });
    assert.ok(fewer.relativeL2! > 0);
    await assert.rejects(
      evaluateModel(pipeline(), { ...options, images: 41, compare: samples }),
      /uncached\.float32 ends before sample 40/,
    );
    await assert.rejects(
      evaluateModel(pipeline(), { ...options, compare: path('nothing') }),
      /cannot read samples: .*nothing/,
    );
  });

  test('the batch makes no difference', async () => {
    const [one, other] = [6, 9].map((batch) => evaluateModel(pipeline(), { ...options, batch }));
    const quality = (report: object) =>
      Object.entries(report).filter(([name]) => !/^(bytes|macs|uncachedMacs)PerImage$/.test(name));
    assert.deepEqual(quality(untimed(await one!)), quality(untimed(await other!)));
  });

  test('mean-psnr-null: images that are equal do not make the mean infinite, but are counted', async () => {
    const { extractor: _, ...plain } = options;
    const samples = path('some.float32');
    await evaluateModel(pipeline(), { ...plain, compare: false, cache: { policy: 'none' }, samples });
    const same = await evaluateModel(pipeline(), { ...plain, compare: samples, cache: { policy: 'none' } });
    assert.deepEqual([same.psnr, same.identical, same.relativeL2], [undefined, 40, 0]);
    // One image of the reference is another.
    const bytes = readFileSync(samples);
    for (let pixel = 0; pixel < PIXELS; pixel++) bytes.writeFloatLE(0, 4 * (7 * PIXELS + pixel));
    writeFileSync(samples, bytes);
    const one = await evaluateModel(pipeline(), { ...plain, compare: samples, cache: { policy: 'none' } });
    assert.equal(one.identical, 39);
    assert.ok(Number.isFinite(one.psnr));
    const { latents } = await pipeline().generate({ labels: [1], steps: 3, seed: 5, firstImage: 7 });
    const batch = Float32Array.from([...latents, ...latents]);
    const reference = Float32Array.from([...latents, ...new Float32Array(PIXELS)]);
    assert.ok(Math.abs(meanPsnr(batch, reference, 2) - one.psnr!) < 1e-9);
    assert.equal(meanPsnr(latents, latents, 1), Number.POSITIVE_INFINITY);
  });

  test('what a saved run was made with must be what is asked for now', async () => {
    const kept = { ...options, images: 6, folder: path('six') };
    await evaluateModel(pipeline(), kept);
    const refused = (change: Partial<EvaluateOptions>, message: RegExp) =>
      assert.rejects(evaluateModel(pipeline(), { ...kept, ...change }), message);
    await refused({ seed: 6 }, /resume is '.*six'; expected the folder of this run; in it seed is 5, not 6/);
    await refused({ images: 7 }, /in it images is 6, not 7/);
    await refused({ cache: { policy: 'reuse', period: 2 } }, /in it schedule is/);
    await refused({ compare: false }, /in it compare is true, not false/);
    await refused({ key: { weights: 'int8' } }, /in it weights is not given, not "int8"/);
  });

  test('what cannot be evaluated is refused before any work', async () => {
    const onStep = () => assert.fail('a step was taken');
    const refused = (change: Partial<EvaluateOptions>, message: RegExp) =>
      assert.rejects(evaluateModel(pipeline(), { ...options, onStep, ...change }), message);
    const gaussian = { mean: new Float64Array(5), covariance: new Float64Array(25) };
    const four = { mean: new Float64Array(4), covariance: new Float64Array(16) };
    await refused({ images: 0 }, /images is 0/);
    await refused(
      { images: 4, reference: { features: four } },
      /images is 4; expected at least 5 for a covariance of 4/,
    );
    await refused({ images: 4, statistics: path('x.npz') }, /images is 4; expected at least 5/);
    await refused(
      { reference: { features: gaussian } },
      /reference is 'of 5 features'; expected 4, as quarters has/,
    );
    await refused(
      { reference: { features: four }, precisionRecall: true },
      /expected images, for precision and recall/,
    );
    const { extractor: _, ...plain } = options;
    await assert.rejects(
      evaluateModel(pipeline(), { ...plain, statistics: path('x.npz') }),
      /extractor is missing/,
    );
    await refused({ labels: [] }, /labels is \[\]/);
    await refused({ labels: [4] }, /label is 4/);
    assert.ok(!existsSync(path('x.npz')));
  });

  test('the error along a trajectory: none at full steps, more and more behind reused layers', async () => {
    const labels = [0, 1, 2];
    const run = { labels, steps: 4, seed: 2, batch: 2 };
    const same = await trajectoryError(pipeline(), { ...run, cache: { policy: 'none' } });
    assert.ok(
      same.every(({ latents, layers }) => latents === 0 && [...layers.values()].every((e) => e === 0)),
    );
    const cache = { policy: 'reuse', period: 2 } as const;
    const errors = await trajectoryError(pipeline(), { ...run, cache });
    assert.deepEqual(
      [...errors[0]!.layers.keys()],
      ['blocks.0.attention', 'blocks.0.mlp', 'blocks.1.attention', 'blocks.1.mlp'],
    );
    assert.equal(errors[0]!.latents, 0);
    assert.ok([...errors[0]!.layers.values()].every((error) => error === 0));
    assert.ok([...errors[1]!.layers.values()].every((error) => error > 0));
    const cached = await pipeline().generate({ ...run, cache });
    const whole = await pipeline().generate(run);
    assert.ok(Math.abs(errors[3]!.latents / relativeL2(cached.latents, whole.latents) - 1) < 1e-9);
  });

  test('the error along a trajectory, stopped in the midst of a batch and taken up again', async () => {
    const run = {
      labels: [0, 1, 2, 1, 0],
      steps: 4,
      batch: 2,
      cache: { policy: 'reuse', period: 2 },
    } as const;
    const whole = await trajectoryError(pipeline(), run);
    const kept = { ...run, folder: path('trajectory') };
    let steps = 0;
    for (const stopAfter of [2, 6, 9]) {
      const controller = new AbortController();
      const onStep = () => {
        steps++;
        if (steps === stopAfter) controller.abort();
      };
      await assert.rejects(trajectoryError(pipeline(), { ...kept, signal: controller.signal, onStep }), {
        name: 'AbortError',
      });
    }
    assert.deepEqual(await trajectoryError(pipeline(), kept), whole);
    const done = { ...kept, onStep: () => assert.fail('it was done already') };
    assert.deepEqual(await trajectoryError(pipeline(), done), whole);
    await assert.rejects(trajectoryError(pipeline(), { ...kept, batch: 3 }), /in it batch is 2, not 3/);
  });
});
