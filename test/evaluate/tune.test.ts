/** Tuning on a tiny model: what it writes is what it measured, and runs like it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { meanPsnr } from '../../src/evaluate/metrics/psnr.js';
import { StepTimes } from '../../src/evaluate/runs/stepTimes.js';
import { type TuneOptions, tune } from '../../src/evaluate/runs/tune.js';
import { TuneClock } from '../../src/evaluate/runs/tuneClock.js';
import { bestFirst, standing, type Trial, trialOf } from '../../src/evaluate/runs/tuneTrials.js';
import { labelsInTurn } from '../../src/models/network.js';
import type { SampleOptions } from '../../src/pipeline/options.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { Recipe } from '../../src/pipeline/recipe.js';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import { writeTinyModel } from '../support/tinyModel.js';

const STEPS = 8;

describe('tuning', () => {
  const folder = mkdtempSync(join(tmpdir(), 'incache-tune-'));
  const path = join(folder, 'recipe.safetensors');
  let pipeline: Pipeline;
  const options = (budget: TuneOptions['budget']): TuneOptions => ({
    budget,
    steps: STEPS,
    images: 2,
    seed: 3,
  });
  before(async () => {
    pipeline = await Pipeline.load(writeTinyModel(join(folder, 'a.safetensors')), {
      backend: 'native',
      threads: 1,
    });
  });
  after(async () => {
    await pipeline.dispose();
    rmSync(folder, { recursive: true });
  });

  test('gives a recipe that does what was measured, and goes on where it was', async () => {
    const resumed = { ...options({ kind: 'macs', most: 0.6 }), folder: join(folder, 'tuning') };
    const { recipe, chosen, meetsBudget, trials, untried } = await tune(pipeline, resumed);
    assert.deepEqual([untried, meetsBudget], [[], true]);
    assert.ok(chosen.macs <= 0.6);
    assert.ok(trials.find(({ name }) => name === chosen.name)!.onFront);
    for (const trial of trials) if (trial.macs <= 0.6) assert.ok(chosen.psnr >= trial.psnr, trial.name);
    assert.ok(trials.some(({ onFront }) => onFront) && trials.some(({ onFront }) => !onFront));
    recipe.save(path);
    const loaded = Recipe.load(path);
    assert.deepEqual([loaded.info, loaded.parameters], [recipe.info, recipe.parameters]);
    const run = { labels: labelsInTurn(pipeline.network, 2), steps: STEPS, seed: 3 };
    const whole = await pipeline.generateLatents(run);
    const { latents, report } = await pipeline.generateLatents({ ...run, cache: loaded.options });
    assert.equal(meanPsnr(latents, whole.latents, 2).toFixed(2), chosen.psnr.toFixed(2), chosen.name);
    // Conditioning is of a batch, which was another one.
    assert.ok(Math.abs(report.macs / whole.report.macs - chosen.macs) < 0.02);
    await assert.rejects(pipeline.generateLatents({ ...run, steps: 5, cache: loaded.options }), {
      message: /made for 8 steps of ddim; this run has 5 of ddim/,
    });

    const names: string[] = [];
    await assert.rejects(
      tune(pipeline, {
        ...resumed,
        budget: { kind: 'psnr', least: 500 },
        onTrial: (name) => names.push(name),
      }),
      {
        name: 'ArgumentError',
        message: /budget psnr is 500; expected one that a candidate meets; .* is the nearest/,
      },
    );
    assert.equal(names.length, trials.length);
    const most = 0.1;
    const missed = await tune(pipeline, { ...resumed, budget: { kind: 'macs', most }, nearest: true });
    assert.equal(missed.meetsBudget, false);
    assert.equal(missed.chosen.macs, Math.min(...trials.map(({ macs }) => macs)));
    await assert.rejects(tune(pipeline, { ...resumed, seed: 4 }), {
      name: 'ArgumentError',
      message: /resume is '.*tuning'; expected the folder of this run; in it seed is 3, not 4$/,
    });
    writeFileSync(join(folder, 'tuning', 'trials.json'), '[');
    await assert.rejects(tune(pipeline, resumed), {
      name: 'FormatError',
      message: /not the JSON of a tuning/,
    });
  });

  test('that has no time tries one candidate and says which it did not', async () => {
    const { trials, untried } = await tune(pipeline, { ...options({ kind: 'macs', most: 1 }), seconds: 0 });
    assert.equal(trials.length, 1);
    assert.ok(untried.length > 10);
  });

  test('ends a candidate that is at work when the time is over', async (t) => {
    const sample = pipeline.generateLatents.bind(pipeline);
    let cached = 0;
    const hanging = t.mock.method(pipeline, 'generateLatents', (options: SampleOptions) => {
      const { signal } = options;
      if (!options.cache || ++cached !== 2) return sample(options);
      return new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)));
    });
    // The promise alone would not keep the process.
    const keeping = setTimeout(() => {}, 60_000);
    const { trials } = await tune(pipeline, { ...options({ kind: 'macs', most: 1 }), seconds: 1 });
    clearTimeout(keeping);
    hanging.mock.restore();
    assert.equal(trials.length, 1);
  });

  test('leaves out candidates whose factors take too much of the time', async (t) => {
    const read = pipeline.checkpoint.read.bind(pipeline.checkpoint);
    const asleep = new Int32Array(new SharedArrayBuffer(4));
    const slow = t.mock.method(pipeline.checkpoint, 'read', (name: string) => {
      if (name.startsWith('blocks.')) Atomics.wait(asleep, 0, 0, 100);
      return read(name);
    });
    const reasons = new Map<string, string | undefined>();
    const { trials, untried } = await tune(pipeline, {
      ...options({ kind: 'macs', most: 1 }),
      seconds: 4,
      onTrial: (name, _, reason) => reasons.set(name, reason),
    });
    slow.mock.restore();
    const refused = [...reasons].filter(([, reason]) => reason);
    assert.match(String(refused[0]), /^calibrated svd .*,factors by svd take too much of the time$/);
    assert.ok(trials.some(({ name }) => name === 'reuse p=2'));
    assert.ok(!trials.some(({ name }) => name.includes('svd')));
    assert.ok(untried.filter((name) => name.includes('svd')).length > 2);
  });

  test('refuses budgets that are none', async () => {
    for (const [budget, message] of [
      [{ kind: 'time', most: 1.5 }, /budget time is 1.5/],
      [{ kind: 'psnr', least: -1 }, /budget psnr is -1/],
      [{ kind: 'beauty', most: 1 }, /of time, macs or psnr/],
    ] as const)
      await assert.rejects(tune(pipeline, options(budget as never)), { name: 'ArgumentError', message });
    await assert.rejects(tune(pipeline, { ...options({ kind: 'macs', most: 1 }), nearest: 1 as never }), {
      message: /nearest is 1; expected true or false/,
    });
  });

  test('a recipe is for its model, and a file that is damaged or newer is refused in a sentence', async () => {
    const other = await Pipeline.load(writeTinyModel(join(folder, 'b.safetensors'), { seed: 9 }), {
      backend: 'reference',
    });
    await assert.rejects(
      other.generateLatents({ labels: [0], steps: STEPS, cache: Recipe.load(path).options }),
      { message: /made for another model|of another model/ },
    );
    await other.dispose();
    const write = (version: string, recipe: unknown) =>
      writeSafetensors(path, [], { format: 'incache-recipe', version, recipe: JSON.stringify(recipe) });
    const measured = Recipe.load(path).info;
    for (const [version, recipe, message] of [
      ['2', {}, /version 2; this incache reads version 1/],
      ['1', null, /info is missing/],
      ['1', { info: measured, parameters: { policy: 'magic' } }, /policy is 'magic'/],
      ['1', { info: { ...measured, measured: 3 }, parameters: { policy: 'reuse' } }, /measured is 3/],
    ] as const) {
      write(version, recipe);
      assert.throws(() => Recipe.load(path), { name: 'FormatError', message });
    }
    writeFileSync(path, readFileSync(path).subarray(0, 20));
    assert.throws(() => Recipe.load(path), { name: 'FormatError' });
  });
});

test('of the trials that meet a budget the best quality is first, or the least time', () => {
  const trial = (name: string, psnr: number, time: number): Trial => ({
    name,
    psnr,
    spread: 0,
    images: 1,
    time,
    macs: time,
    cacheBytes: 0,
  });
  const all = [trial('a', 40, 0.5), trial('b', 50, 0.8), trial('c', 45, 0.4)];
  const names = (budget: TuneOptions['budget']) => bestFirst(all, budget).map(({ name }) => name);
  assert.deepEqual(names({ kind: 'time', most: 0.6 }), ['c', 'a']);
  assert.deepEqual(names({ kind: 'psnr', least: 41 }), ['c', 'b']);
  assert.deepEqual(names({ kind: 'macs', most: 0.1 }), []);
  const left = (budget: TuneOptions['budget'], count: number) =>
    standing(all, budget, count).map(({ name }) => name);
  assert.deepEqual(left({ kind: 'time', most: 0.47 }, 2), ['c', 'a'], 'one that misses by little goes on');
  assert.deepEqual(left({ kind: 'time', most: 0.1 }, 2), ['c', 'a'], 'where none meets it, the nearest');
  assert.deepEqual(left({ kind: 'psnr', least: 45.5 }, 1), ['c']);
});

test('figures are the mean and the spread of images, and the median of times', () => {
  const record = {
    psnrs: [40, 44],
    macs: 0.5,
    milliseconds: 30,
    uncachedMilliseconds: 60,
    cacheBytes: 7,
    ratios: [],
  };
  const { psnr, spread, images, time } = trialOf('a', record);
  assert.deepEqual([psnr, images, time], [42, 2, 0.5]);
  assert.ok(Math.abs(spread - Math.sqrt(8)) < 1e-12);
  assert.equal(trialOf('a', { ...record, ratios: [0.9, 0.4, 0.5] }).time, 0.5);
  assert.equal(trialOf('a', { ...record, ratios: [0.4, 0.6] }).time, 0.5);
});

test('steps of as many multiply-accumulates count as the median of their kind', () => {
  const times = new StepTimes();
  // The first of each kind gives a cache its pages.
  for (const [macs, milliseconds] of [
    [9, 90],
    [1, 30],
    [9, 10],
    [1, 2],
    [9, 12],
    [1, 4],
  ] as const)
    times.add({ macs, milliseconds });
  assert.equal(times.milliseconds, 3 * 12 + 3 * 4);
});

test('the time is kept: a part of it is for the finalists, and what is at work ends with it', async () => {
  let now = 0;
  const user = new AbortController();
  using clock = new TuneClock(0.1, user.signal, () => now);
  assert.ok(clock.has(0.08) && !clock.has(0.09) && clock.hasAtAll(0.1));
  now = 50;
  assert.ok(clock.has(0.02) && !clock.has(0.04) && !clock.hasAtAll(0.06));
  await new Promise((resolve) => clock.signal.addEventListener('abort', resolve));
  assert.ok(clock.isOver);
  using other = new TuneClock(100, user.signal);
  user.abort('enough');
  assert.deepEqual([other.signal.aborted, other.signal.reason, other.isOver], [true, 'enough', false]);
});
