/** Buffers that are refused, and the types that operations take. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PlanBuffer, View } from '../../src/plan/types.js';
import { validatePlan } from '../../src/plan/validate.js';
import {
  ATTENTION,
  BUFFERS,
  buffer,
  CALIBRATED,
  CALIBRATED_MLP,
  CONVOLUTION,
  LINEAR,
  NORM,
  out,
  planOf,
  residual,
  square,
  temporary,
  x,
} from './goodPlans.js';

describe('validation of buffers', () => {
  const badBuffers: [string, PlanBuffer, RegExp][] = [
    ['no rows', buffer('bad', 'state', 0, 1), /buffer 13 \('bad'\): rows is 0/],
    [
      '2^30 + 1 rows',
      buffer('bad', 'state', 2 ** 30 + 1, 1),
      /rows is 1073741825; expected .* from 1 to 2\^30/,
    ],
    [
      '2^38 elements',
      buffer('bad', 'state', 2 ** 20, 2 ** 18),
      /is 1048576 x 262144; expected at most 2\^36/,
    ],
    ['2^60 columns', buffer('bad', 'state', 1, 2 ** 60), /columns is 1152921504606847000/],
    ['a name twice', buffer('x', 'state', 1, 1), /the name is taken/],
    ['integer state', buffer('bad', 'state', 1, 1, 'i32'), /only inputs may hold i32/],
    [
      'bf16 weights',
      buffer('bad', 'weight', 1, 1, 'bf16'),
      /states and temporaries may hold bf16, not a weight/,
    ],
    ['bf16 input', buffer('bad', 'input', 1, 1, 'bf16'), /states and temporaries may hold bf16, not a input/],
    ['bf16 output', buffer('bad', 'output', 1, 1, 'bf16'), /states and temporaries may hold bf16/],
    [
      'e4m3 temporary',
      buffer('bad', 'temporary', 1, 1, 'e4m3'),
      /only states may hold e4m3, not a temporary/,
    ],
    ['f16 output', buffer('bad', 'output', 1, 1, 'f16'), /states and temporaries may hold f16, not a output/],
  ];
  for (const [what, bad, message] of badBuffers)
    test(`refuses a buffer with ${what}`, () => {
      assert.throws(() => validatePlan(planOf(LINEAR, [...BUFFERS, bad])), message);
    });

  const silu = { op: 'silu', x: residual, out: temporary } as const;

  for (const type of ['bf16', 'f16'] as const)
    test(`floats may be ${type} in a state or a temporary`, () => {
      const buffers = BUFFERS.map((each) =>
        each.role === 'state' || each.role === 'temporary' ? { ...each, type } : each,
      );
      for (const op of [LINEAR, CALIBRATED, CALIBRATED_MLP, ATTENTION, CONVOLUTION, NORM, silu])
        validatePlan(planOf(op, buffers));
      assert.throws(
        () =>
          validatePlan(
            planOf({ op: 'gatherRows', table: x, index: { ...residual, columns: 1 }, out }, buffers),
          ),
        new RegExp(`index is ${type} \\('residual'\\); expected i32`),
      );
    });

  test('e4m3 in a state of whole rows, for linearCombination alone', () => {
    const buffers = BUFFERS.map((each, id) =>
      id === square.buffer ? ({ ...each, type: 'e4m3' } as const) : each,
    );
    const copy = (from: View, to: View) =>
      planOf({ op: 'linearCombination', terms: [{ x: from, coefficient: 1 }], out: to }, buffers);
    validatePlan(copy({ ...square, rows: 2 }, { ...square, row: 2, rows: 2 }));
    const [left, right] = [0, 2].map((column) => ({ ...square, column, columns: 2 }));
    assert.throws(
      () => validatePlan(copy(left!, right!)),
      /takes 2 of the 4 columns of 'square', which is e4m3/,
    );
    const silu = planOf({ op: 'silu', x: square, out: square }, buffers);
    assert.throws(() => validatePlan(silu), /x is e4m3 \('square'\); expected f32, bf16, f16/);
  });

  test('an operation with both 16-bit types', () => {
    const types = new Map([
      [residual.buffer, 'bf16'],
      [temporary.buffer, 'f16'],
    ] as const);
    const buffers = BUFFERS.map((each, id) => ({ ...each, type: types.get(id) ?? each.type }));
    assert.throws(
      () => validatePlan(planOf(silu, buffers)),
      /'residual' is bf16 and 'temporary' f16; expected one 16-bit type/,
    );
  });
});
