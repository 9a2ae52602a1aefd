/** The arithmetic and the texts of experiments. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadSvgRenderer } from '../../src/experiment/chart/renderSvg.js';
import { scatter } from '../../src/experiment/chart/scatter.js';
import { fewerSteps, ranksOf } from '../../src/experiment/configuration.js';
import { interpolate, withGain } from '../../src/experiment/equalCost.js';
import type { Measurement } from '../../src/experiment/experiment.js';
import { csv, rounded } from '../../src/experiment/files.js';
import { fileName } from '../../src/experiment/measurementStore.js';
import { ProgressEstimate } from '../../src/experiment/progressEstimate.js';
import { groupBy, spread, spreadText } from '../../src/experiment/summary.js';
import { median } from '../../src/median.js';
import { TINY_NETWORK } from '../support/tinyModel.js';

describe('summaries', () => {
  const rows = [
    { name: 'a', seed: 0, x: 1 },
    { name: 'b', seed: 0, x: 5 },
    { name: 'a', seed: 1, x: 2 },
    { name: 'a', seed: 2, x: 6 },
    { name: 'b', seed: 1, x: null },
  ];

  test('mean and sample standard deviation of a group; a lone seed has no spread', () => {
    const [a, b] = groupBy(rows, ['name']);
    assert.deepEqual(spread(a!, 'x'), { mean: 3, deviation: Math.sqrt((4 + 1 + 9) / 2) });
    assert.deepEqual(spread(b!, 'x'), { mean: 5 });
    assert.equal(spread(a!, 'y'), undefined);
    assert.equal(spreadText(spread(a!, 'x'), 2), '3.00 ± 2.65');
    assert.equal(spreadText(spread(b!, 'x'), 0), '5');
    assert.equal(spreadText(undefined, 0), '');
  });

  test('medians of odd and even counts', () => {
    assert.equal(median([3, 1, 10]), 3);
    assert.equal(median([4, 1, 10, 2]), 3);
  });
});

describe('gain at equal cost', () => {
  test('straight lines between the points, nothing beyond them', () => {
    const points = [
      [4, 40],
      [1, 10],
      [2, 20],
    ] as const;
    assert.equal(interpolate(points, 3), 30);
    assert.equal(interpolate(points, 2), 20);
    assert.equal(interpolate(points, 1), 10);
    assert.equal(interpolate(points, 4), 40);
    assert.equal(interpolate(points, 0.9), undefined);
    assert.equal(interpolate(points, 4.1), undefined);
    assert.equal(interpolate([], 1), undefined);
  });

  test('over fewer steps of the same seed', () => {
    const row = (family: string, seed: number, gmac: number, psnr: number | null) => ({
      family,
      seed,
      gmac,
      psnr,
    });
    const rows = [
      row('uncached', 0, 9, null),
      row('fewer steps', 0, 1, 10),
      row('fewer steps', 0, 3, 30),
      row('fewer steps', 1, 1, 0),
      row('fewer steps', 1, 3, 10),
      row('reuse', 0, 2, 25),
      row('reuse', 1, 2, 1),
      row('reuse', 1, 4, 1),
    ];
    assert.deepEqual(
      withGain(rows, 'gain', ({ gmac }) => Number(gmac)).map(({ gain }) => gain),
      [null, null, null, null, null, 5, -4, null],
    );
  });
});

describe('configurations', () => {
  test('shares of steps and of the width, each once', () => {
    const names = fewerSteps({ steps: 4 }, [0.9, 0.8, 0.7, 0.5, 0.1]).map(({ name }) => name);
    assert.deepEqual(names, ['DDIM-3', 'DDIM-2', 'DDIM-1']);
    assert.deepEqual(fewerSteps({ sampler: 'ddpm', steps: 50 }, [0.7])[0]!.name, 'DDPM-35');
    assert.deepEqual(ranksOf(TINY_NETWORK, [1 / 64, 1 / 32, 1 / 16]), [1, 2]);
  });

  test('names of files', () => {
    assert.equal(fileName('calibrated cd_i r=16 p=2 seed 0'), 'calibrated-cd-i-r-16-p-2-seed-0');
  });
});

describe('files', () => {
  test('six figures, and no numbers that JSON does not have', () => {
    const row = rounded({ a: 1.23456789, b: Number.POSITIVE_INFINITY, c: 'x', d: null, e: 1234567.8 });
    assert.deepEqual(row, { a: 1.23457, b: 'Infinity', c: 'x', d: null, e: 1234570 });
  });

  test('CSV quotes what needs it, and has every column of any row', () => {
    assert.equal(
      csv([{ a: 'x, "y"', b: 1 }, { a: 'z', c: null }, { c: 2 }]),
      'a,b,c\n"x, ""y""",1,\nz,,\n,,2\n',
    );
  });
});

test('the estimate of time left knows that earlier work says nothing of this speed', () => {
  let now = 1000;
  const progress = new ProgressEstimate(100, 40, () => now);
  const measurement: Measurement = { name: 'm', table: 't', key: {}, work: 20, measure: async () => [] };
  assert.equal(progress.advance(measurement, 0).secondsLeft, undefined);
  now += 5000;
  const first = progress.advance(measurement, 10);
  assert.deepEqual(first, { name: 'm', share: 0.5, secondsLeft: 25 });
  // More than was announced is not counted, less is made up for at the end.
  assert.equal(progress.advance(measurement, 1000).share, 0.6);
  assert.equal(progress.finish(measurement).share, 0.6);
  assert.equal(progress.finish(measurement).share, 0.8);
});

describe('charts', () => {
  test('without Vega-Lite there is no experiment, and a way to get it', async () => {
    const missing = (name: string) => Promise.reject(new Error(`Cannot find package '${name}'`));
    await assert.rejects(loadSvgRenderer(missing), {
      name: 'IncacheError',
      message: /charts need vega.*Cannot find package 'vega'.*run: npm install vega vega-lite$/,
    });
  });

  test('panels without points are left out; error bars where there is a spread', async () => {
    const render = await loadSvgRenderer();
    const point = { family: 'first family', x: 1, y: 2, deviation: 0.5 };
    const svg = await render(
      scatter([
        { x: 'across', y: 'up', points: [point, { ...point, x: 3 }] },
        { x: 'nothing', y: 'here', points: [] },
      ]),
    );
    for (const text of ['across', 'up', 'first family']) assert.ok(svg.includes(`>${text}<`), text);
    assert.ok(!svg.includes('nothing'));
    assert.equal([...svg.matchAll(/aria-label="across: \d; up: 1.5; high: 2.5;/g)].length, 2);
  });

  test('first-use: points are labelled, no two families look the same, lines join different x', async () => {
    const render = await loadSvgRenderer();
    const points = Array.from({ length: 23 }, (_, i) => [
      { family: `family ${i}`, x: 1, y: i, label: `p=${i}` },
      { family: `family ${i}`, x: 2, y: i + 1 },
      { family: `family ${i}`, x: 2, y: i + 50 },
    ]).flat();
    const svg = await render(scatter([{ x: 'across', y: 'up', points }]));
    for (let i = 0; i < 23; i++) assert.ok(svg.includes(`>p=${i}<`), `p=${i}`);
    assert.ok(!svg.includes('>null<') && !svg.includes('>undefined<'));
    const lines = [...svg.matchAll(/aria-roledescription="line mark" d="([^"]+)" ([^>]+)>/g)];
    assert.equal(lines.length, 23);
    for (const [, path] of lines) assert.equal(path!.match(/[ML]/g)!.length, 2, path);
    assert.equal(new Set(lines.map(([, , look]) => look)).size, 23);
  });
});
