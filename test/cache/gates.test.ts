/** What gates decide, by numbers worked out by hand. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StepGrams } from '../../src/cache/data/stepGrams.js';
import { EasyCache } from '../../src/cache/easyCache.js';
import { FastCache } from '../../src/cache/fastCache.js';
import { FirstBlock } from '../../src/cache/firstBlock.js';
import type { GatedPolicy, GateParameters } from '../../src/cache/gatedPolicy.js';
import { MagCache, type MagCacheParameters } from '../../src/cache/magCache.js';
import { TeaCache } from '../../src/cache/teaCache.js';

const RUN = { steps: 9, blocks: 2, sequences: 1, elements: 1 };

/** The decisions for a change at every step, `.` for a cached one. */
function course(policy: GatedPolicy, changes: readonly number[], elements = 1000): string {
  const gate = policy.start({ ...RUN, steps: changes.length, elements });
  return changes.map((change, step) => (gate.caches(step, 0, change) ? '.' : '#')).join('');
}

const [NAN, INFINITE] = [Number.NaN, Number.POSITIVE_INFINITY];

describe('teacache', () => {
  test('sums changes up until they reach the threshold, and starts again behind a computed step', () => {
    const policy = new TeaCache({ threshold: 1 });
    // 0.25 0.5 0.75 | 1.0: computed, | 0.5, 1.1: computed, | 0.9, last
    assert.equal(course(policy, [9, 0.25, 0.25, 0.25, 0.25, 0.5, 0.6, 0.9, 0]), '#...#.#.#');
  });

  test('takes the change through its polynomial', () => {
    // 2 x^2 - x + 0.1 of 0.5 is 0.1, of 1 is 1.1.
    const policy = new TeaCache({ threshold: 1, polynomial: [2, -1, 0.1] });
    assert.equal(course(policy, [0, 0.5, 0.5, 1, 0.5, 0]), '#..#.#');
  });

  test('computes all of its warm-up and the last step', () => {
    assert.equal(course(new TeaCache({ threshold: 1, warmup: 3 }), [0, 0, 0, 0, 0, 0]), '###..#');
    assert.equal(course(new TeaCache({ threshold: 1 }), [0]), '#');
  });

  test('caches nothing at threshold 0, and nothing after a change that is no number', () => {
    assert.equal(course(new TeaCache({ threshold: 0 }), [0, 0, 0, 0]), '####');
    assert.equal(course(new TeaCache({ threshold: 1 }), [INFINITE, NAN, 0.5, INFINITE, 0.5, 0]), '##.#.#');
  });

  test('a trajectory knows nothing of the one before', () => {
    const policy = new TeaCache({ threshold: 1 });
    const first = policy.start(RUN);
    first.caches(0, 0, 0);
    assert.ok(first.caches(1, 0, 0.9));
    const second = policy.start(RUN);
    second.caches(0, 0, 0);
    assert.ok(second.caches(1, 0, 0.9));
  });
});

describe('first-block', () => {
  test('caches below the threshold, after its warm-up, and at most so many steps in a row', () => {
    const policy = new FirstBlock({ threshold: 0.1, warmup: 2, maxCached: 2 });
    assert.equal(course(policy, [0, 0, 0, 0, 0, 0, 0.1, 0.09, NAN, 0, 0]), '##..#.#.#..');
  });

  test('has the defaults of DBCache', () => {
    const policy = new FirstBlock({ threshold: 0.1 });
    assert.equal(course(policy, new Array(14).fill(0)), '########...#..');
    assert.deepEqual(policy.cut(28).sections, [{ first: 1, end: 28 }]);
  });

  test('leaves the last blocks alone', () => {
    const policy = new FirstBlock({ threshold: 0.1, firstBlocks: 8, lastBlocks: 8 });
    assert.deepEqual(policy.cut(28).sections, [{ first: 8, end: 20 }]);
    assert.throws(() => policy.cut(16), /firstBlocks \+ lastBlocks is 16; expected fewer than the 16 blocks/);
  });
});

describe('easycache', () => {
  const gate = (parameters: GateParameters, sequences = 1) =>
    new EasyCache(parameters).start({ ...RUN, sequences });
  const pair = (a: number, b: number) => Float32Array.of(a, b);

  test('sums up the change of the latents at the rate of the last two computed steps', () => {
    const { skipped, computed } = gate({ threshold: 1 });
    assert.equal(skipped!(0, pair(1, 1)), undefined);
    computed!(pair(1, 1), pair(4, 4));
    assert.equal(skipped!(1, pair(2, 0)), undefined, 'no rate yet');
    computed!(pair(2, 0), pair(6, 2));
    // K = 2 / 1, mean |v| = 4: e = 2 * 1 / 4, then 2 * 1.5 / 4 more.
    assert.deepEqual(skipped!(2, pair(3, -1)), pair(7, 1));
    assert.equal(skipped!(3, pair(3.5, 1.5)), undefined);
    computed!(pair(3.5, 1.5), pair(6, 2));
    // K = 0, as nothing came of that change.
    assert.deepEqual(skipped!(4, pair(4.5, 1.5)), pair(7, 2));
  });

  test('leaves learned variances as they are, of every sequence', () => {
    const { skipped, computed } = gate({ threshold: 9 }, 2);
    computed!(pair(0, 0), Float32Array.of(1, 10, 2, 20));
    computed!(pair(1, 1), Float32Array.of(1, 11, 2, 21));
    assert.deepEqual(skipped!(2, pair(2, 4)), Float32Array.of(2, 11, 5, 21));
  });

  test('skips nothing at threshold 0, in its warm-up, or where the numbers are none', () => {
    for (const [parameters, latents] of [
      [{ threshold: 0 }, 1],
      [{ threshold: 9, warmup: 3 }, 2],
      [{ threshold: 9 }, Number.NaN],
    ] as const) {
      const { skipped, computed } = gate(parameters);
      computed!(pair(0, 0), pair(1, 1));
      computed!(pair(1, 1), pair(2, 2));
      assert.equal(skipped!(2, pair(latents, latents)), undefined);
    }
  });
});

describe('magcache', () => {
  const grams = (magnitudes?: readonly number[]) => {
    const info = { modelHash: 'a', sampler: 'ddim', timesteps: new Array(magnitudes?.length ?? 1).fill(0) };
    const more = { guidanceScale: 1, images: 1, seed: 0, createdBy: 'a', ...(magnitudes && { magnitudes }) };
    return new StepGrams({ ...info, ...more }, new Map());
  };
  const decided = (magnitudes: readonly number[], parameters: Omit<MagCacheParameters, 'fits'>) =>
    course(
      new MagCache({ fits: grams(magnitudes), ...parameters }),
      magnitudes.map(() => 0),
    );

  test('sums up how far the product of ratios is from 1, and starts again behind a computed step', () => {
    // R = 1.125, E = 0.125; 1.265625, 0.390625; then 0.6328125, 0.7578125 or, behind a computed step, 0.5, 0.5.
    assert.equal(decided([1, 1.125, 1.125, 0.5, 1, 0.5], { threshold: 0.25, warmup: 1 }), '#.##.#');
    assert.equal(decided([1, 1.125, 1.125, 0.5, 1, 0.5], { threshold: 0.5, warmup: 1 }), '#..#..');
  });

  test('computes the first fifth, and no more than so many steps are cached in a row', () => {
    assert.equal(decided(new Array(10).fill(1), {}), '##...#...#');
    assert.equal(decided(new Array(6).fill(1), { maxCached: 1, warmup: 1 }), '#.#.#.');
    assert.equal(decided(new Array(4).fill(1), { threshold: 0 }), '####');
  });

  test('needs magnitudes, one a step', () => {
    assert.throws(() => new MagCache({ fits: grams() }), /fits have no magnitudes of residuals/);
    for (const wrong of [
      [1, Number.NaN],
      [1, -1],
      ['1', 1],
    ])
      assert.throws(() => grams(wrong as number[]), /magnitudes of fits are not 2 positive numbers/);
  });
});

describe('fastcache', () => {
  test('tests against the chi-square quantile of as many degrees of freedom as there are elements', () => {
    const policy = new FastCache({ threshold: 0.1 });
    // 8 + 1.96 sqrt(16) = 15.84: d^2 8 / 0.01 is below it up to d = 0.1407.
    assert.equal(course(policy, [0, 0.1407, 0.1408, NAN, 0], 8), '#.##.');
    // Of many elements hardly more than the threshold itself.
    assert.equal(course(policy, [0, 0.1, 0.1002], 1e6), '#.#');
  });

  test('has a section for every block', () => {
    assert.deepEqual(new FastCache({ threshold: 0 }).cut(2).sections, [
      { first: 0, end: 1 },
      { first: 1, end: 2 },
    ]);
  });
});

test('parameters that no gate can have are refused', () => {
  for (const Policy of [TeaCache, FirstBlock, FastCache]) {
    assert.throws(() => new Policy({ threshold: -1 }), /threshold is -1; expected/);
    assert.throws(() => new Policy({ threshold: NAN }), /threshold is NaN; expected/);
    assert.throws(() => new Policy({ threshold: 1, warmup: 0 }), /warmup is 0; expected/);
  }
  assert.throws(
    () => new TeaCache({ threshold: 1, polynomial: [] }),
    /polynomial is .*; expected one or more/,
  );
  assert.throws(() => new TeaCache({ threshold: 1, polynomial: [NAN] }), /polynomial is .*; expected one/);
  assert.throws(() => new FirstBlock({ threshold: 1, firstBlocks: 0 }), /firstBlocks is 0; expected/);
  assert.throws(() => new FirstBlock({ threshold: 1, lastBlocks: -1 }), /lastBlocks is -1; expected/);
  assert.throws(() => new FirstBlock({ threshold: 1, maxCached: 0 }), /maxCached is 0; expected/);
});
