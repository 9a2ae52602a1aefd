import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FormatError } from '../../src/errors.js';
import { parsePlan, serializePlan } from '../../src/plan/file.js';
import { OP_NAMES } from '../../src/plan/schema.js';
import { CASES } from '../conformance/cases.js';
import { allPlans } from '../support/plans.js';
import { Random } from '../support/random.js';

const plans = [
  ...allPlans(),
  ...OP_NAMES.flatMap((op) => [1, 2, 3].map((seed) => CASES[op](new Random(seed)).plan)),
];

/** A plan as JSON, to be spoilt. */
interface SpoiltFile {
  buffers?: Record<string, unknown>[];
  ops?: { op: Record<string, unknown> }[];
}

describe('file form of a plan', () => {
  test('every plan loads back identically', () => {
    for (const plan of plans) {
      const text = serializePlan(plan);
      assert.deepEqual(parsePlan(text), JSON.parse(JSON.stringify(plan)));
      assert.equal(serializePlan(parsePlan(text)), text);
    }
  });

  const [plan] = plans;
  const spoilt = (spoil: (file: SpoiltFile) => void) => {
    const file = JSON.parse(serializePlan(plan!));
    spoil(file);
    return JSON.stringify(file);
  };
  const refusals: [string, string, RegExp][] = [
    ['no JSON', '{', /^not a plan: /],
    ['a list', '[]', /the file is not an object/],
    ['another format', '{"format": "onnx"}', /format is "onnx"/],
    [
      'another version',
      '{"format": "incache-plan", "version": 2}',
      /version 2; this incache reads version 1/,
    ],
    ['no buffers', spoilt((file) => delete file.buffers), /buffers is not a list/],
    [
      'an unknown role',
      spoilt((file) => (file.buffers![0]!.role = 'x')),
      /buffers\[0\]\.role is not one of weight/,
    ],
    [
      'rows that are a text',
      spoilt((file) => (file.buffers![0]!.rows = '1')),
      /buffers\[0\]\.rows is not a number/,
    ],
    [
      'an unknown operation',
      spoilt((file) => (file.ops![0]!.op.op = 'x')),
      /ops\[0\]\.op is not one of linear/,
    ],
    [
      'an unknown field',
      spoilt((file) => (file.ops![0]!.op.extra = 1)),
      /ops\[0\].extra is a field that \w+ does not have/,
    ],
    ['a missing field', spoilt((file) => delete file.ops![0]!.op.out), /ops\[0\].out is missing/],
    ['shapes that do not fit', spoilt((file) => (file.buffers![1]!.columns = 255)), /not a valid plan: op/],
  ];
  for (const [what, text, message] of refusals)
    test(`refuses ${what}`, () => {
      assert.throws(
        () => parsePlan(text),
        (error: Error) => {
          assert.ok(error instanceof FormatError, String(error));
          assert.match(error.message, message);
          return true;
        },
      );
    });

  test('a damaged plan is read or refused, and nothing else happens', () => {
    const texts = plans.map(serializePlan);
    const damage = fc.record({
      text: fc.constantFrom(...texts),
      place: fc.double({ min: 0, max: 1, noNaN: true }),
      insert: fc.oneof(
        fc.constantFrom('0', '-1', '1e99', 'null', '{}', '[]', '"', ',', '}'),
        fc.string({ maxLength: 3 }),
      ),
      drop: fc.nat(6),
    });
    fc.assert(
      fc.property(damage, ({ text, place, insert, drop }) => {
        const start = Math.floor(place * text.length);
        try {
          parsePlan(text.slice(0, start) + insert + text.slice(start + drop));
        } catch (error) {
          assert.ok(error instanceof FormatError, String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });
});
