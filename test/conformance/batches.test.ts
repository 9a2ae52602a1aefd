/** Views of several batches of rows: an operation gives what it gives without them, and what it may not take is refused. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import type { Op, OpName, Plan, View } from '../../src/plan/types.js';
import { validatePlan } from '../../src/plan/validate.js';
import { Random } from '../support/random.js';
import { CASES } from './cases.js';
import { written } from './compare.js';
import { runCase } from './run.js';

/** A calibration needs all rows at once, and each image's. */
const WITHOUT: readonly OpName[] = ['channelStatistics', 'secondMoment', 'relativeDistance'];
const SEEDS = 60;

describe('batches', () => {
  let oracle: Device;
  before(async () => {
    oracle = await openDevice('reference');
  });
  after(() => oracle.dispose());
  for (const op of Object.keys(CASES) as OpName[])
    test(`of ${op}`, async () => {
      let seen = 0;
      for (let seed = 0; seed < SEEDS; seed++) {
        const testCase = CASES[op](new Random(seed));
        if (!testCase.plain) continue;
        seen++;
        assert.deepEqual(
          written(testCase, await runCase(oracle, testCase)),
          written(testCase.plain, await runCase(oracle, testCase.plain)),
          `seed ${seed}`,
        );
      }
      assert.equal(seen === 0, WITHOUT.includes(op), `${seen} cases with batches`);
    });
});

const view = (buffer: number, part: Partial<View> = {}): View => ({
  buffer,
  row: 0,
  rows: 6,
  column: 0,
  columns: 4,
  ...part,
});
const planOf = (...ops: Op[]): Plan => ({
  name: 'batches',
  buffers: [
    { name: 'x', role: 'state', type: 'f32', rows: 12, columns: 4 },
    { name: 'out', role: 'state', type: 'f32', rows: 12, columns: 4 },
    { name: 'temporary', role: 'temporary', type: 'f32', rows: 12, columns: 4 },
  ],
  ops: ops.map((op) => ({ layer: '', op })),
});
const copy = (x: View, out: View): Op => ({ op: 'silu', x, out });
const odd = { row: 0, batches: 2, batchStride: 6 };

const REFUSED: [string, Plan, RegExp][] = [
  ['no batches', planOf(copy(view(0, { batches: 0 }), view(1))), /x has 0 batches; expected an integer/],
  [
    'more than there may be',
    planOf(copy(view(0, { batches: 2 ** 40, batchStride: 2 ** 40 }), view(1))),
    /x has 1099511627776 batches/,
  ],
  [
    'batches of unequal rows',
    planOf(copy(view(0, { batches: 4, batchStride: 2 }), view(1))),
    /x has 6 rows in 4 batches/,
  ],
  [
    'batches that overlap each other',
    planOf(copy(view(0), view(1, { batches: 2, batchStride: 2 }))),
    /out has batches 2 rows apart; expected an integer from 3/,
  ],
  [
    'a stride whose product is beyond integers',
    planOf(copy(view(0, { batches: 2, batchStride: 2 ** 53 }), view(1))),
    /x has batches 9007199254740992 rows apart/,
  ],
  [
    'batches that end outside',
    planOf(copy(view(0, { batches: 2, batchStride: 10 }), view(1))),
    /x takes 13 rows from 0 of 'x', which has 12/,
  ],
  [
    'an output over the gap that an operand fills',
    planOf(copy(view(0, odd), view(0, { ...odd, row: 2 }))),
    /out overlaps x in 'x'/,
  ],
  [
    'a gap that is read before it is written',
    planOf(copy(view(0), view(2, odd)), copy(view(2), view(1))),
    /x reads 'temporary' before rows 3 to 5/,
  ],
  [
    'a sum over all rows',
    planOf({
      op: 'relativeDistance',
      x: view(0, odd),
      previous: view(1),
      norm: 1,
      out: view(2, { rows: 1, columns: 1 }),
    }),
    /x has batches, which relativeDistance does not take there/,
  ],
];

for (const [what, plan, message] of REFUSED)
  test(`batches, refused: ${what}`, () => assert.throws(() => validatePlan(plan), message));

test('batches between those of an operand do not overlap it', () => {
  validatePlan(planOf(copy(view(0, odd), view(0, { ...odd, row: 3 }))));
  validatePlan(planOf(copy(view(0), view(2, odd)), copy(view(2, odd), view(1))));
});
