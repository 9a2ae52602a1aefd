/** Statistics by Benchmark.js of samples that are known. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { statisticsOf, verdict } from '../../bench/statistics.js';
import { medianRatio, quantile } from '../../src/bench/measure.js';
import { median } from '../../src/median.js';

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) <= 1e-6 * Math.abs(expected), `${actual} is not ${expected}`);

describe('statistics', { concurrency: true }, () => {
  test('mean, standard error and margin of a sample', async () => {
    const { samples, median, p10, p90, mean, sem, rme } = await statisticsOf([1, 2, 3, 4, 5]);
    assert.deepEqual([samples, median], [5, 3]);
    near(p10, 1.4);
    near(p90, 4.6);
    near(mean, 3);
    near(sem, Math.sqrt(2.5 / 5));
    // 2.776: Student's t of 4 degrees of freedom at 95 %.
    near(rme, ((2.776 * Math.sqrt(2.5 / 5)) / 3) * 100);
  });

  test('one time alone has no spread', async () => {
    const { samples, mean, sem, rme } = await statisticsOf([0.25]);
    assert.deepEqual([samples, sem, rme], [1, 0, 0]);
    near(mean, 0.25);
  });

  test('tells samples apart only where their ranks do', async () => {
    const low = [1, 1.1, 1.2, 1.3, 1.4, 1.5];
    const high = low.map((time) => time + 1);
    assert.equal(await verdict(low, high), 'faster');
    assert.equal(await verdict(high, low), 'slower');
    assert.equal(
      await verdict(
        low,
        low.map((time) => time + 0.01),
      ),
      'not told apart',
    );
  });
});

test('quantiles lie between neighbours in proportion', () => {
  assert.equal(quantile([4, 1, 3, 2], 0), 1);
  assert.equal(quantile([4, 1, 3, 2], 1), 4);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([7]), 7);
});

test('the ratio is the median over rounds, or of medians where rounds differ', () => {
  assert.equal(medianRatio([2, 40, 6], [1, 10, 3]), 2);
  assert.equal(medianRatio([8], [1, 2, 4]), 4);
});
