import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FeatureRows, precisionRecall } from '../../src/evaluate/metrics/precisionRecall.js';
import { Random } from '../support/random.js';

const rows = (...vectors: number[][]): FeatureRows => ({
  rows: vectors.length,
  columns: vectors[0]!.length,
  data: Float64Array.from(vectors.flat()),
});
const line = (...places: number[]) => rows(...places.map((x) => [x, 0]));

/** By sorting all distances, in the words of the paper. */
function plain(reference: FeatureRows, generated: FeatureRows, k: number) {
  const row = ({ data, columns }: FeatureRows, i: number) => [
    ...data.subarray(i * columns, (i + 1) * columns),
  ];
  const all = (set: FeatureRows) => Array.from({ length: set.rows }, (_, i) => row(set, i));
  const distance = (a: number[], b: number[]) => Math.hypot(...a.map((value, i) => value - b[i]!));
  const share = (points: FeatureRows, centres: FeatureRows) => {
    const balls = all(centres).map((centre) => ({
      centre,
      // Place 0 is the vector itself.
      radius: all(centres)
        .map((other) => distance(centre, other))
        .sort((a, b) => a - b)[k]!,
    }));
    const inside = all(points).filter((point) =>
      balls.some(({ centre, radius }) => distance(point, centre) <= radius),
    );
    return inside.length / points.rows;
  };
  return { precision: share(generated, reference), recall: share(reference, generated) };
}

describe('improved precision and recall', () => {
  test('of a set to itself both are 1, of sets far apart 0', async () => {
    const set = line(0, 1, 2, 3, 4);
    assert.deepEqual(await precisionRecall(set, set), { precision: 1, recall: 1 });
    assert.deepEqual(await precisionRecall(set, line(100, 101, 102, 103)), { precision: 0, recall: 0 });
  });

  test('one mode of two: all of it is good, half of the reference is missing', async () => {
    const reference = line(0, 1, 2, 3, 1000, 1001, 1002, 1003);
    assert.deepEqual(await precisionRecall(reference, line(0.5, 1.5, 2.5, 1, 2)), {
      precision: 1,
      recall: 0.5,
    });
  });

  test('balls reach to the k-th other vector, edge included', async () => {
    // Radii with k = 1 are 1, 1 and 9: the last ball reaches from 1 to 19.
    const reference = line(0, 1, 10);
    const { precision } = await precisionRecall(reference, line(-1, 19, 19.5, -1.5), { neighbours: 1 });
    assert.equal(precision, 0.5);
  });

  test('as by sorting all distances', async () => {
    const random = new Random(2);
    const set = (count: number, shift: number): FeatureRows => ({
      rows: count,
      columns: 3,
      data: random.normals(3 * count).map((value) => value + shift),
    });
    for (const k of [1, 3, 5]) {
      const [reference, generated] = [set(60, 0), set(45, 0.8)];
      const found = await precisionRecall(reference, generated, { neighbours: k });
      assert.deepEqual(found, plain(reference, generated, k));
      assert.ok(found.precision > 0 && found.precision < 1);
    }
  });

  test('bad input', async () => {
    const set = line(0, 1, 2, 3);
    await assert.rejects(
      precisionRecall(set, line(0, 1, 2)),
      /generated is '3 vectors'; expected at least 4/,
    );
    await assert.rejects(precisionRecall(rows([0], [1], [2], [3]), set), /'of 1 features'; expected 2/);
    await assert.rejects(precisionRecall(set, set, { neighbours: 0 }), /neighbours is 0/);
    await assert.rejects(precisionRecall({ ...set, rows: 5 }, set), /'8 numbers'; expected 10/);
  });

  test('ctrl-c-reference: it stops when asked to', async () => {
    const random = new Random(3);
    const set = { rows: 3000, columns: 16, data: random.normals(3000 * 16) };
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    await assert.rejects(precisionRecall(set, set, { signal: controller.signal }), { name: 'AbortError' });
  });
});
