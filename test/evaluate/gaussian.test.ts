import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { restoreState } from '../../src/evaluate/metrics/accumulator.js';
import { frechetDistance } from '../../src/evaluate/metrics/frechet.js';
import { frechetDistanceOnThread } from '../../src/evaluate/metrics/frechetThread.js';
import { GaussianAccumulator } from '../../src/evaluate/metrics/gaussian.js';
import { assertClose } from '../support/compare.js';
import { readNpz } from '../support/npz.js';
import { Random } from '../support/random.js';
import { dataFile } from './data.js';

const FEATURES = 5;
const random = new Random(5);
/** Far from zero, so that a sum of squares would lose digits. */
const vectors = Array.from({ length: 40 }, () => random.normals(FEATURES).map((value) => value + 1000));

function accumulate(rows: readonly ArrayLike<number>[]): GaussianAccumulator {
  const accumulator = new GaussianAccumulator(FEATURES);
  for (const row of rows) accumulator.add(row);
  return accumulator;
}

describe('mean and covariance', () => {
  test("as numpy's", () => {
    const arrays = readNpz(dataFile('numpy-statistics.npz'));
    const data = arrays.get('vectors')!.data as Float64Array;
    const rows = Array.from({ length: 20 }, (_, i) => data.subarray(i * FEATURES, (i + 1) * FEATURES));
    const { mean, covariance } = accumulate(rows).gaussian();
    assertClose(mean, arrays.get('mu')!.data as Float64Array, 1e-14, 'mu');
    assertClose(covariance, arrays.get('sigma')!.data as Float64Array, 1e-13, 'sigma');
  });

  test('two passes over the same numbers agree', () => {
    const { mean, covariance } = accumulate(vectors).gaussian();
    const means = mean.map((_, i) => vectors.reduce((sum, v) => sum + v[i]!, 0) / vectors.length);
    const expected = covariance.map((_, ij) => {
      const [i, j] = [Math.floor(ij / FEATURES), ij % FEATURES];
      return vectors.reduce((sum, v) => sum + (v[i]! - means[i]!) * (v[j]! - means[j]!), 0) / 39;
    });
    assertClose(mean, means, 1e-14, 'mean');
    assertClose(covariance, expected, 1e-11, 'covariance');
  });

  test('put down and taken up again, it goes on bit for bit', () => {
    const first = accumulate(vectors.slice(0, 13));
    const saved = Object.fromEntries(
      Object.entries(first.state).map(([name, array]) => [name, array.slice()]),
    );
    const second = new GaussianAccumulator(FEATURES);
    restoreState(second, (name) => saved[name]);
    for (const vector of vectors.slice(13)) second.add(vector);
    assert.deepEqual(second.gaussian(), accumulate(vectors).gaussian());
    assert.throws(
      () => restoreState(new GaussianAccumulator(4), (name) => saved[name]),
      /5 values for 'mean'/,
    );
    assert.throws(() => restoreState(second, () => undefined), /nothing for 'count'; expected 1/);
  });

  test('merged parts are the whole', () => {
    const whole = accumulate(vectors).gaussian();
    const merged = accumulate([]);
    for (const [from, to] of [
      [0, 1],
      [1, 1],
      [1, 30],
      [30, 40],
    ])
      merged.merge(accumulate(vectors.slice(from, to)));
    assert.equal(merged.count, 40);
    assertClose(merged.gaussian().mean, whole.mean, 1e-14, 'mean');
    assertClose(merged.gaussian().covariance, whole.covariance, 1e-11, 'covariance');
    assert.throws(() => merged.merge(new GaussianAccumulator(3)), /'3 features'; expected 5/);
  });

  test('says how many images a covariance needs', () => {
    assert.throws(
      () => accumulate(vectors.slice(0, 5)).gaussian(),
      /images is 5; expected at least 6 for a covariance of 5 features/,
    );
    assert.throws(() => accumulate([[1, 2]]), /'2 features'; expected 5/);
    assert.throws(() => accumulate([[1, 2, Number.NaN, 0, 0]]), /feature 2 of image 0 is NaN/);
  });
});

describe('Frechet distance', () => {
  const diagonal = (mean: number[], variances: number[]) => ({
    mean: Float64Array.from(mean),
    covariance: Float64Array.from({ length: mean.length ** 2 }, (_, i) =>
      i % (mean.length + 1) === 0 ? variances[i / (mean.length + 1)]! : 0,
    ),
  });

  test('of diagonal Gaussians, in closed form', () => {
    // |m1 - m2|^2 + sum (s1 - s2)^2 over standard deviations; one of them is 0.
    const a = diagonal([1, -2, 0.5, 3], [4, 9, 0, 0.01]);
    const b = diagonal([0, 2, 0.5, 3], [1, 16, 2, 0.04]);
    const expected = 1 + 16 + (2 - 1) ** 2 + (3 - 4) ** 2 + 2 + (0.1 - 0.2) ** 2;
    assert.ok(Math.abs(frechetDistance(a, b) - expected) < 1e-12);
    assert.ok(Math.abs(frechetDistance(b, a) - expected) < 1e-7);
  });

  test('of Gaussians that share no axes, as with a square root by Schur decomposition (scipy)', () => {
    const arrays = readNpz(dataFile('numpy-statistics.npz'));
    const of = (mu: string, sigma: string) => ({
      mean: arrays.get(mu)!.data as Float64Array,
      covariance: arrays.get(sigma)!.data as Float64Array,
    });
    const [a, b] = [of('mu', 'sigma'), of('mu_s', 'sigma_s')];
    const [expected] = arrays.get('frechet')!.data as Float64Array;
    assert.ok(Math.abs(frechetDistance(a, b) - expected!) < 1e-10 * expected!);
    assert.ok(Math.abs(frechetDistance(b, a) - expected!) < 1e-10 * expected!);
  });

  test('is 0 to itself and refuses another dimension', () => {
    const set = accumulate(vectors).gaussian();
    assert.ok(frechetDistance(set, set) < 1e-9);
    assert.throws(() => frechetDistance(set, diagonal([0], [1])), /'of 1 features'; expected 5/);
    const broken = { mean: set.mean, covariance: new Float64Array(9) };
    assert.throws(() => frechetDistance(set, broken), /covariance of b is '9 numbers'; expected 25/);
  });

  test('ctrl-c-reference: of many features they are computed on a thread, which stops when asked to', async () => {
    const features = 160;
    const of = (seed: number) => {
      const accumulator = new GaussianAccumulator(features);
      const numbers = new Random(seed);
      for (let i = 0; i < 200; i++) accumulator.add(numbers.normals(features));
      return accumulator.gaussian();
    };
    const [a, b] = [of(1), of(2)];
    assert.equal(await frechetDistanceOnThread(a, b), frechetDistance(a, b));
    const controller = new AbortController();
    const started = frechetDistanceOnThread(a, b, controller.signal);
    controller.abort();
    await assert.rejects(started, { name: 'AbortError' });
    await assert.rejects(frechetDistanceOnThread(a, b, controller.signal), { name: 'AbortError' });
    await assert.rejects(frechetDistanceOnThread(a, { ...b, mean: b.mean.slice(1) }), /of 159 features/);
  });
});
