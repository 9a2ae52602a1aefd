/** Whole experiments on a tiny model: what they write, and that being stopped changes nothing. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { calibrate } from '../../src/calibrate/calibrate.js';
import type { Cell, Row, Tables } from '../../src/experiment/experiment.js';
import { csv } from '../../src/experiment/files.js';
import {
  EXPERIMENT_NAMES,
  type ExperimentName,
  type ExperimentOptions,
  runExperiment,
} from '../../src/experiment/runExperiment.js';
import type { SampleOptions } from '../../src/pipeline/options.js';
import { Recipe, type RecipeInfo } from '../../src/pipeline/recipe.js';
import { sharedPipeline } from '../pipeline/tinyPipeline.js';
import { relativeL2 } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';

const IMAGES = 5;
const STEPS = 4;
const PIXELS = 64;
const CALIBRATION = 16;

/** Enough of an experiment to have everything in it; the rest is more of the same. */
const ONLY: Partial<Record<ExperimentName, readonly string[]>> = {
  policies: [
    'DDIM',
    'reuse p=2',
    'calibrated cd',
    'searched cd r=4 budget 0.65',
    'searched m=1 budget 0.53',
    'mixed budget 0.5',
    'fitted terms=3',
    'calibrated fitted r=8',
  ],
  ranks: ['reuse', 'svd', 'whitened'],
  'calibration-size': ['reuse', 'ca', 'whitened'],
};

const MEASURED: RecipeInfo['measured'] = {
  ...{ psnr: 40, macs: 0.5, time: 0.5, cacheBytes: 1, images: 1, seed: 0, batch: 1 },
  ...{ backend: 'wasm', threads: 1, machine: 'a machine' },
};

describe('experiments', () => {
  const pipeline = sharedPipeline('wasm');
  const folder = temporaryFolder();
  const calibrationImages = {
    images: new Random(3).normals(CALIBRATION * PIXELS),
    labels: Array.from({ length: CALIBRATION }, (_, i) => i % 3),
  };
  const optionsFor = (out: string, more: Partial<ExperimentOptions> = {}): ExperimentOptions => ({
    out: join(folder, out),
    images: IMAGES,
    batch: 3,
    sampling: { steps: STEPS, guidanceScale: 2 },
    calibrationImages,
    command: 'the command',
    ...more,
  });
  const file = (out: string, name: string) => readFileSync(join(folder, out, name), 'utf8');

  for (const name of EXPERIMENT_NAMES)
    test(`${name}: stopped again and again, the same numbers; files agree`, async () => {
      const { [name]: only } = ONLY;
      const more = { seeds: 2, ...(only && { only }) };
      const whole = await runExperiment(pipeline(), name, optionsFor(`${name}-whole`, more));
      let stops = 0;
      for (;;) {
        const controller = new AbortController();
        // Here and there within a measurement; each attempt gets further than the one before.
        let left = 3 * 2 ** stops;
        const onProgress = () => {
          if (--left === 0) controller.abort();
        };
        const stopped = optionsFor(`${name}-stopped`, { ...more, signal: controller.signal, onProgress });
        try {
          await runExperiment(pipeline(), name, stopped);
          break;
        } catch (error) {
          assert.equal((error as Error).name, 'AbortError');
          assert.ok(!readdirSync(stopped.out).includes('results.json'));
          stops++;
        }
      }
      assert.ok(stops > 0);
      const kept = await runExperiment(pipeline(), name, optionsFor(`${name}-stopped`, more));
      assert.deepEqual(untimed(kept), untimed(whole));
      assert.deepEqual(
        readdirSync(join(folder, `${name}-whole`)).sort(),
        [
          'README.md',
          'chart.svg',
          ...[...whole.keys()].map((table) => `${table}.csv`),
          'results.json',
          'work',
        ].sort(),
      );
      const results = JSON.parse(file(`${name}-whole`, 'results.json'));
      assert.deepEqual(
        [results.experiment, results.command, typeof results.incache],
        [name, 'the command', 'string'],
      );
      for (const [table, rows] of whole) {
        const { columns, rows: cells } = results.tables[table] as { columns: string[]; rows: Cell[][] };
        assert.deepEqual(
          cells,
          rows.map((row) => columns.map((column) => row[column] ?? null)),
        );
        assert.equal(file(`${name}-whole`, `${table}.csv`), csv(rows));
        assert.equal(csv(rows).split('\n').length, rows.length + 2);
      }
      assert.match(file(`${name}-whole`, 'chart.svg'), /^<svg [\s\S]*<\/svg>$/);
      assert.match(file(`${name}-whole`, 'README.md'), /^# [\s\S]*the command[\s\S]*!\[[\s\S]* ± /);
      assert.doesNotMatch(file(`${name}-whole`, 'README.md'), /NaN|undefined|Infinity/);
    });

  test('numbers are those of the runs themselves', async () => {
    const tables = await runExperiment(
      pipeline(),
      'policies',
      optionsFor('policies', { only: ['DDIM', 'reuse'] }),
    );
    const sample = async (options: Partial<SampleOptions>) => {
      const run = { guidanceScale: 2, steps: STEPS, ...options };
      const first = await pipeline().generate({ ...run, labels: [0, 1, 2] });
      const rest = await pipeline().generate({ ...run, labels: [0, 1], firstImage: 3 });
      return { latents: [...first.latents, ...rest.latents], macs: first.report.macs + rest.report.macs };
    };
    const whole = await sample({});
    const cases = [
      ['DDIM-3', { steps: 3 }],
      ['reuse p=3', { cache: { policy: 'reuse', period: 3 } }],
    ] as const;
    for (const [name, options] of cases) {
      const { latents, macs } = await sample(options);
      const row = tables.get('evaluations')!.find(({ configuration }) => configuration === name)!;
      close(row.relativeL2, relativeL2(latents, whole.latents));
      close(row.gmac, macs / IMAGES / 1e9);
    }
  });

  test('more seeds are added to those that are there', async () => {
    await runExperiment(pipeline(), 'outliers', optionsFor('seeds'));
    const measured = new Set<string>();
    const onProgress = ({ name }: { name: string }) => measured.add(name);
    const tables = await runExperiment(pipeline(), 'outliers', optionsFor('seeds', { seeds: 2, onProgress }));
    assert.deepEqual([...measured], ['magnitudes of values seed 1', 'magnitudes of increments seed 1']);
    assert.deepEqual([...new Set(tables.get('magnitudes')!.map(({ seed }) => seed))], [0, 1]);
  });

  test('chosen configurations, and others later', async () => {
    const names = (tables: Tables) => [
      ...new Set(tables.get('evaluations')!.map(({ configuration }) => configuration)),
    ];
    const some = await runExperiment(pipeline(), 'ranks', optionsFor('only', { only: ['svd r=4', 'reuse'] }));
    assert.deepEqual(names(some), ['DDIM-4', 'reuse p=2', 'calibrated svd r=4 p=2']);
    const measured = new Set<string>();
    const onProgress = ({ name }: { name: string }) => measured.add(name);
    await runExperiment(pipeline(), 'ranks', optionsFor('only', { only: ['reuse', 'ca r=4'], onProgress }));
    assert.deepEqual([...measured], ['calibrated ca r=4 p=2 seed 0']);
    const timed = await runExperiment(pipeline(), 'policies', optionsFor('timed', { only: ['reuse'] }));
    assert.equal(timed.get('times')!.length, 4 * 5);
    const untimedOptions = optionsFor('untimed', { only: ['reuse'], times: false });
    assert.deepEqual(
      [...(await runExperiment(pipeline(), 'policies', untimedOptions)).keys()],
      ['evaluations'],
    );
    assert.doesNotMatch(file('untimed', 'README.md'), /## Time|equal time/);
  });

  test('outliers: every site of every block, quantiles in order', async () => {
    const rows = (await runExperiment(pipeline(), 'outliers', optionsFor('sites'))).get('magnitudes')!;
    assert.equal(rows.length, 2 * 2 * 10);
    for (const { p10, p90, p99, largest, median } of rows)
      assert.ok(
        Number(median) > 0 &&
          Number(p10) <= 1 &&
          1 <= Number(p90) &&
          Number(p90) <= Number(p99) &&
          Number(p99) <= Number(largest),
      );
  });

  test('factors and a recipe of the caller are measured beside the rest, those of another model refused', async () => {
    const factors = await calibrate(pipeline(), { method: 'svd', rank: 4 });
    const info: RecipeInfo = {
      modelHash: pipeline().checkpoint.hash,
      sampler: 'ddim',
      steps: STEPS,
      guidanceScale: 2,
      measured: MEASURED,
      createdBy: 'a test',
    };
    const parameters = { policy: 'reuse', period: 3 } as const;
    const recipe = new Recipe({ info, parameters });
    const only = ['reuse p=3', 'calibrated given', 'recipe'];
    const tables = await runExperiment(
      pipeline(),
      'policies',
      optionsFor('given', { only, factors, recipe, images: 2 }),
    );
    const rows = tables.get('evaluations')!;
    const errorOf = (name: string) => rows.find(({ configuration }) => configuration === name)!.relativeL2;
    assert.equal(errorOf('recipe'), errorOf('reuse p=3'));
    const { latents } = await pipeline().generateLatents({
      ...{ labels: [0, 1], steps: STEPS, guidanceScale: 2 },
      cache: { policy: 'calibrated', period: 2, factors },
    });
    const whole = await pipeline().generateLatents({ labels: [0, 1], steps: STEPS, guidanceScale: 2 });
    close(errorOf('calibrated given p=2'), relativeL2(latents, whole.latents));
    const another = new Recipe({ info: { ...info, steps: 9 }, parameters });
    const again = optionsFor('foreign', { recipe: another });
    await assert.rejects(
      runExperiment(pipeline(), 'policies', again),
      /made for 9 steps of ddim; this run has 4/,
    );
    assert.notEqual(another.hash, recipe.hash);
    assert.ok(!readdirSync(folder).includes('foreign'));
  });

  test('progress goes from nothing to all, with an estimate of the rest', async () => {
    const shares: number[] = [];
    const onProgress: ExperimentOptions['onProgress'] = ({ share, secondsLeft }) => {
      shares.push(share);
      assert.ok(secondsLeft !== undefined && secondsLeft >= 0);
    };
    await runExperiment(pipeline(), 'trajectory', optionsFor('progress', { onProgress }));
    assert.deepEqual(
      shares,
      [...shares].sort((a, b) => a - b),
    );
    assert.ok(shares.length > 20 && shares[0]! > 0 && Math.abs(shares.at(-1)! - 1) < 1e-12);
  });

  test('what cannot be done is refused before any work', async () => {
    const onProgress = () => assert.fail('work was done');
    const refused = (name: string, more: Partial<ExperimentOptions>, message: RegExp) =>
      assert.rejects(
        runExperiment(pipeline(), name, optionsFor('refused', { onProgress, ...more })),
        message,
      );
    await refused('rank', {}, /experiment is 'rank'; expected one of policies, ranks, outliers, calib/);
    await refused('ranks', { images: 0 }, /images is 0; expected an integer of at least 1/);
    await refused('ranks', { seeds: 0 }, /seeds is 0/);
    await refused('ranks', { sampling: { steps: 4, guidanceScale: -1 } }, /guidanceScale is -1/);
    assert.ok(!readdirSync(folder).includes('refused'));
    await refused(
      'ranks',
      { only: ['q=2'] },
      /only is 'q=2'; expected a part of one of these: reuse p=2, cal/,
    );
    await refused(
      'policies',
      { only: ['searched m=2'] },
      /the budget of searched m=2 budget 0.29 is 0.29; expected at least 0.\d+ of the MACs/,
    );
    await refused('outliers', { only: ['reuse'] }, /compares no configurations/);
    await runExperiment(pipeline(), 'outliers', optionsFor('taken'));
    await refused('ranks', { out: join(folder, 'taken') }, /in it experiment is "outliers", not "ranks"/);
    await refused('outliers', { out: join(folder, 'taken'), images: 7 }, /in it images is 5, not 7/);
  });
});

/** Without what is never the same twice. */
function untimed(tables: Tables): [string, Row[]][] {
  return [...tables].map(([name, rows]) => [name, rows.map(({ milliseconds: _, ...row }) => row)]);
}

/** Cells are rounded to six figures. */
function close(cell: Cell | undefined, expected: number): void {
  assert.ok(Math.abs(Number(cell) / expected - 1) < 1e-5, `${cell}, expected ${expected}`);
}
