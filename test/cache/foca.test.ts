/** FoCa against its equations. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { foca } from '../../src/cache/foca.js';

function near(own: readonly number[], expected: readonly number[]): void {
  assert.equal(own.length, expected.length);
  for (const [i, value] of own.entries())
    assert.ok(Math.abs(value - expected[i]!) < 1e-12, `${own}; expected ${expected}`);
}

describe('FoCa', () => {
  test('is 7/3, -5/3, 1/3 where all steps are one apart', () => {
    near(foca(5, [4, 3, 2]), [7 / 3, -5 / 3, 1 / 3]);
    near(foca(5, [4, 3, 2, 1]), [7 / 3, -5 / 3, 1 / 3, 0]);
  });

  test('of uneven steps is BDF2 with the slope of the parabola', () => {
    // F = t^2 has the slope 2 p.
    const [step, past] = [11, [9, 5, 2]];
    const [k, w] = [2, 0.5];
    const expected = ((1 + w) ** 2 * 81 - w ** 2 * 25 + k * (1 + w) * 18) / (1 + 2 * w);
    const own = foca(step, past).reduce((sum, coefficient, i) => sum + coefficient * past[i]! ** 2, 0);
    assert.ok(Math.abs(own - expected) < 1e-9, `${own}; expected ${expected}`);
  });

  test('continues lines, and begins with reuse and a line', () => {
    near(foca(3, [2]), [1]);
    near(foca(7, [4, 2]), [2.5, -1.5]);
    const own = foca(11, [9, 5, 2]);
    near([own.reduce((a, b) => a + b), own[0]! * 9 + own[1]! * 5 + own[2]! * 2], [1, 11]);
  });
});
