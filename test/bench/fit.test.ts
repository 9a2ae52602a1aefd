/** Fitted exponents, and what the sweeps expect of theirs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { planOf } from '../../bench/scaling/blocks.js';
import { fitPower } from '../../bench/scaling/fit.js';
import { sweepOf, sweepTable } from '../../bench/scaling/sweep.js';
import { powersOfTwo, sweepPlans } from '../../bench/scaling/sweeps.js';
import { planCost } from '../../src/plan/cost.js';

const near = (actual: number, expected: number, bound = 1e-9) =>
  assert.ok(Math.abs(actual - expected) <= bound, `${actual} is not ${expected}`);

describe('fit of a power law', () => {
  test('finds the exponent and the factor', () => {
    const { exponent, r2, at } = fitPower([1, 2, 4, 8].map((x) => [x, 3 * x ** 1.5]));
    near(exponent, 1.5);
    near(r2, 1);
    near(at(16), 3 * 64, 1e-6);
  });

  test('is least squares of the logarithms', () => {
    const { exponent, r2 } = fitPower([
      [1, 1],
      [Math.E, Math.E],
      [Math.E ** 2, 1],
    ]);
    near(exponent, 0);
    near(r2, 0);
  });

  test('a constant has exponent 0, fully explained', () => {
    const { exponent, r2 } = fitPower([
      [1, 5],
      [2, 5],
    ]);
    assert.deepEqual([exponent, r2], [0, 1]);
  });

  test('refuses one x alone, and zeros', () => {
    assert.throws(() => fitPower([[2, 1]]), RangeError);
    assert.throws(
      () =>
        fitPower([
          [0, 1],
          [1, 1],
        ]),
      RangeError,
    );
  });
});

describe('sweeps', () => {
  const macsOf = (name: string) => {
    const plan = sweepPlans(4, false).find((sweep) => sweep.name === name)!;
    return plan.values.map((x): [number, number] => {
      const { threads: _, ...shape } = plan.at(x, 2);
      return [x, planCost(planOf(shape, 'f32')).macs];
    });
  };

  test('multiply-adds are linear in batch and depth, between linear and square in tokens, less in rank', () => {
    near(fitPower(macsOf('batch')).exponent, 1);
    near(fitPower(macsOf('depth')).exponent, 1);
    const tokens = fitPower(macsOf('tokens')).exponent;
    assert.ok(tokens > 1 && tokens < 2, `${tokens}`);
    const rank = fitPower(macsOf('rank')).exponent;
    assert.ok(rank > 0 && rank < 1, `${rank}`);
  });

  test('threads are powers of two and all there are', () => {
    assert.deepEqual(powersOfTwo(1), [1]);
    assert.deepEqual(powersOfTwo(2), [1, 2]);
    assert.deepEqual(powersOfTwo(6), [1, 2, 4, 6]);
  });

  test('tokens go to 4096, in a quick run not', () => {
    const most = (quick: boolean) =>
      Math.max(...sweepPlans(2, quick).find(({ name }) => name === 'tokens')!.values);
    assert.equal(most(false), 4096);
    assert.ok(most(true) < 4096);
  });

  test('a sweep holds its exponent beside the expected one', () => {
    const times = (median: number) => ({
      samples: 5,
      median,
      p10: median,
      p90: median,
      mean: median,
      sem: 0,
      rme: 0,
    });
    const points = [1, 2].map((x) => ({ x, macs: 100, times: times(8 / x) }));
    const threads = sweepOf('threads', 'native f32', points);
    near(threads.exponent, -1);
    assert.equal(threads.expected, -1);
    assert.match(
      sweepTable([threads]),
      /\| threads 1, 2 \| native f32 \| 8\.00, 4\.00 \| -1\.00 \| -1\.00 \| 1\.000 \|/,
    );
  });
});
