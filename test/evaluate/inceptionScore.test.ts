import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InceptionScore, softmax } from '../../src/evaluate/metrics/inceptionScore.js';
import { Random } from '../support/random.js';

const oneHot = (classes: number, label: number) =>
  Array.from({ length: classes }, (_, c) => (c === label ? 1 : 0));

function score(predictions: readonly ArrayLike<number>[], splits: number) {
  const inceptionScore = new InceptionScore({
    classes: predictions[0]!.length,
    images: predictions.length,
    splits,
  });
  for (const [i, p] of predictions.entries()) inceptionScore.add(i, p);
  return inceptionScore.result();
}

describe('inception score', () => {
  test('of sure predictions, every class as often: the number of classes', () => {
    const { mean, standardDeviation } = score(
      Array.from({ length: 70 }, (_, i) => oneHot(7, i % 7)),
      10,
    );
    assert.ok(Math.abs(mean - 7) < 1e-12);
    assert.ok(standardDeviation < 1e-12);
  });

  test('of one class only, or of predictions that know nothing: 1', () => {
    const same = Array.from({ length: 10 }, () => oneHot(4, 2));
    const unsure = Array.from({ length: 10 }, () => [0.25, 0.25, 0.25, 0.25]);
    assert.ok(Math.abs(score(same, 2).mean - 1) < 1e-12);
    assert.ok(Math.abs(score(unsure, 2).mean - 1) < 1e-12);
  });

  test('as the definition computes it, with splits of unequal size', () => {
    const random = new Random(11);
    const predictions = Array.from({ length: 23 }, () => softmax(random.normals(5, 2)));
    const scores = Array.from({ length: 10 }, (_, split) => {
      const part = predictions.slice(Math.floor((split * 23) / 10), Math.floor(((split + 1) * 23) / 10));
      const marginal = Array.from(
        { length: 5 },
        (_, c) => part.reduce((sum, p) => sum + p[c]!, 0) / part.length,
      );
      const divergences = part.map((p) =>
        p.reduce((sum, value, c) => sum + value * Math.log(value / marginal[c]!), 0),
      );
      return Math.exp(divergences.reduce((a, b) => a + b, 0) / part.length);
    });
    const mean = scores.reduce((a, b) => a + b, 0) / 10;
    const deviation = Math.sqrt(scores.reduce((sum, s) => sum + (s - mean) ** 2, 0) / 10);
    const found = score(predictions, 10);
    assert.ok(Math.abs(found.mean - mean) < 1e-12);
    assert.ok(Math.abs(found.standardDeviation - deviation) < 1e-12);
  });

  test('large logits do not overflow', () => {
    assert.deepEqual([...softmax([1000, 1000, -1000])], [0.5, 0.5, 0]);
  });

  test('bad input', () => {
    assert.throws(() => new InceptionScore({ classes: 10, images: 9 }), /images is 9; expected at least 10/);
    const open = new InceptionScore({ classes: 2, images: 10 });
    assert.throws(() => open.add(0, [0.5, 0.6]), /sum of probabilities is 1.1; expected 1/);
    assert.throws(() => open.add(0, [1]), /'1 numbers'; expected 2/);
    assert.throws(() => open.add(10, [0.5, 0.5]), /image is 10; expected an integer from 0 to 9/);
    assert.throws(() => open.result(), /split 0 of the inception score has no image yet/);
  });
});
