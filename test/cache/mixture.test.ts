/** Mixtures of compute, reuse and calibrate against every mixture there is. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { frontierOf } from '../../src/cache/frontier.js';
import { type Choice, type Mixture, mix } from '../../src/cache/mixture.js';
import { Random } from '../support/random.js';

const CHOICES: readonly Choice[] = ['compute', 'reuse', 'calibrate'];
const never = () => assert.fail('within the budget');

/** MACs and error of a mixture; infinite where a gap was not measured or there is nothing to calibrate with. */
function total(mixture: Mixture, choices: readonly (readonly Choice[])[]) {
  const { steps, gaps, order, kinds, macs, error } = mixture;
  const sum = { macs: 0, error: 0 };
  for (const [sublayer, row] of choices.entries()) {
    const computed = [0];
    for (let step = 0; step < steps; step++) {
      const choice = row[step]!;
      const { compute, calibrate } = macs[sublayer]!;
      if (choice === 'compute') {
        if (step > 0) computed.unshift(step);
        sum.macs += compute;
        continue;
      }
      const past = [step, ...computed].slice(0, order + 2).flatMap((at, i, all) => {
        return i + 1 < all.length ? [at - all[i + 1]!] : [];
      });
      const known = kinds.includes(choice) && (choice === 'reuse' || calibrate !== undefined);
      const allowed = step > 0 && past.length > order && past[0]! <= gaps && known;
      sum.macs += choice === 'calibrate' ? (calibrate ?? 0) : 0;
      sum.error += allowed ? error(choice, step, past, sublayer) : Number.POSITIVE_INFINITY;
    }
  }
  return sum;
}

function* everyMixture(sublayers: number, steps: number): Generator<Choice[][]> {
  const cells = sublayers * steps;
  for (let code = 0; code < 3 ** cells; code++) {
    const flat = Array.from({ length: cells }, (_, i) => CHOICES[Math.floor(code / 3 ** i) % 3]!);
    yield Array.from({ length: sublayers }, (_, j) => flat.slice(j * steps, (j + 1) * steps));
  }
}

describe('a mixture', () => {
  test('is the best of all within its budget', () => {
    const random = new Random(8);
    for (const [sublayers, steps, gaps, order, kinds] of [
      [1, 7, 2, 0, ['reuse', 'calibrate']],
      [2, 4, 3, 0, ['reuse', 'calibrate']],
      [2, 4, 1, 0, ['reuse', 'calibrate']],
      [3, 3, 2, 0, ['reuse', 'calibrate']],
      [1, 8, 2, 1, ['reuse']],
      [1, 8, 3, 1, ['calibrate']],
      [1, 9, 2, 2, ['reuse']],
    ] as const) {
      const errors = random.normals(2 * steps * gaps * (gaps + 1) ** order * sublayers, 1).map(Math.abs);
      const mixture: Mixture = {
        steps,
        gaps,
        order,
        kinds,
        // The second sublayer has no increment.
        macs: Array.from({ length: sublayers }, (_, j) => {
          return { compute: 10 + j, calibrate: j === 1 ? undefined : 3 };
        }),
        budget: 0,
        error: (kind, step, [gap, ...between], sublayer) => {
          const pair = ((kind === 'reuse' ? 0 : 1) * steps + step) * gaps + gap! - 1;
          const place = between.reduce((at, distance) => at * (gaps + 1) + distance - 1, pair);
          return errors[place * sublayers + sublayer]!;
        },
        refuse: never,
      };
      const all = [...everyMixture(sublayers, steps)].map((choices) => total(mixture, choices));
      const possible = all.filter(({ error }) => Number.isFinite(error));
      const [least, most] = [Math.min, Math.max].map((of) => of(...possible.map(({ macs }) => macs)));
      for (const share of [0, 0.2, 0.5, 0.8, 1]) {
        const budget = least! + share * (most! - least!);
        const best = Math.min(...possible.filter(({ macs }) => macs <= budget).map(({ error }) => error));
        const found = total(mixture, mix({ ...mixture, budget }));
        assert.ok(found.macs <= budget, `${found.macs} of ${budget}`);
        assert.ok(
          Math.abs(found.error - best) < 1e-12,
          `${sublayers} x ${steps}: ${found.error}, not ${best}`,
        );
      }
      assert.throws(
        () =>
          mix({
            ...mixture,
            budget: least! - 1,
            refuse: (cheapest) => {
              throw new Error(`${cheapest}`);
            },
          }),
        { message: String(least) },
      );
    }
  });
});

describe('a frontier', () => {
  test('holds what nothing beats, cheapest first', () => {
    const way = (macs: number, error: number) => ({ macs, error, how: `${macs}` });
    const ways = [way(3, 1), way(1, 5), way(2, 5), way(2, 6), way(4, 1), way(3, 2), way(5, 0)];
    assert.deepEqual(frontierOf(ways, 9), [way(1, 5), way(3, 1), way(5, 0)]);
  });

  test('of too many ways keeps both ends and the best of equal spans', () => {
    const ways = Array.from({ length: 1000 }, (_, i) => ({ macs: i, error: 1 / (1 + i), how: i }));
    const kept = frontierOf(ways, 10);
    assert.ok(kept.length <= 10, `${kept.length} kept`);
    assert.deepEqual([kept[0]!.how, kept.at(-1)!.how], [0, 999]);
    for (const [i, { macs }] of kept.entries()) assert.ok(i === 0 || macs - kept[i - 1]!.macs <= 111);
  });
});
