/** Ranks spread over layers, against trying all that fit the budget. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type SpreadLayer, spreadRanks } from '../../src/calibrate/spreadRanks.js';
import { Random } from '../support/random.js';

const layer = (name: string, given: Partial<SpreadLayer> = {}): SpreadLayer => {
  return { name, cost: 2, singularValues: [4, 3, 2, 1], most: 4, error: 1, ...given };
};

/** What the ranks leave, and what they cost. */
function measured(layers: readonly SpreadLayer[], ranks: ReadonlyMap<string, number>) {
  let [left, cost] = [0, 0];
  for (const { name, singularValues, error, cost: each } of layers) {
    const squares = Array.from(singularValues, (value) => value ** 2);
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    left += (error ** 2 * sum(squares.slice(ranks.get(name)!))) / sum(squares);
    cost += each * ranks.get(name)!;
  }
  return { left, cost };
}

/** All ranks from 1 to `most` of every layer. */
function* allRanks(layers: readonly SpreadLayer[]): Generator<Map<string, number>> {
  const [first, ...others] = layers;
  if (!first) return yield new Map();
  for (let rank = 1; rank <= first.most; rank++)
    for (const rest of allRanks(others)) yield new Map([[first.name, rank], ...rest]);
}

describe('ranks spread over layers', () => {
  for (let seed = 1; seed <= 6; seed++)
    test(`of equal cost: the best that fit, seed ${seed}`, () => {
      const random = new Random(seed);
      const layers = ['a', 'b', 'c'].map((name) => {
        const singularValues = random.normals(5, 1).map(Math.abs).sort().reverse();
        return layer(name, {
          singularValues,
          most: name === 'b' ? 3 : 5,
          error: Math.abs(random.normals(1, 1)[0]!),
        });
      });
      const budget = 2 * (4 + seed);
      const found = measured(layers, spreadRanks(layers, budget));
      let best = Number.POSITIVE_INFINITY;
      for (const ranks of allRanks(layers)) {
        const { left, cost } = measured(layers, ranks);
        if (cost <= budget) best = Math.min(best, left);
      }
      assert.ok(found.cost <= budget);
      assert.ok(Math.abs(found.left - best) < 1e-9, `${found.left} is left, ${best} would do`);
    });

  test('layers that are alike get alike, one that is dear less, one that matters more', () => {
    const ranks = (given: Partial<SpreadLayer>) =>
      Object.fromEntries(spreadRanks([layer('a'), layer('b', given)], 12));
    assert.deepEqual(ranks({}), { a: 3, b: 3 });
    assert.deepEqual(ranks({ cost: 6 }), { a: 3, b: 1 });
    assert.deepEqual(ranks({ error: 9 }), { a: 2, b: 4 });
  });

  test('nothing is given to what does not matter, or has nothing left', () => {
    assert.deepEqual(Object.fromEntries(spreadRanks([layer('a', { error: 0 })], 100)), { a: 1 });
    assert.deepEqual(Object.fromEntries(spreadRanks([layer('a', { singularValues: [1, 0, 0, 0] })], 100)), {
      a: 1,
    });
    assert.deepEqual(Object.fromEntries(spreadRanks([layer('a', { singularValues: [0, 0, 0, 0] })], 100)), {
      a: 1,
    });
  });
});
