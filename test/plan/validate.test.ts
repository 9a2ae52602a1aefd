import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PlanError } from '../../src/errors.js';
import type { Op, Plan, PlanBuffer, View } from '../../src/plan/types.js';
import { validatePlan } from '../../src/plan/validate.js';
import { allPlans } from '../support/plans.js';

const buffer = (
  name: string,
  role: PlanBuffer['role'],
  rows: number,
  columns: number,
  type: PlanBuffer['type'] = 'f32',
) => ({ name, role, type, rows, columns }) satisfies PlanBuffer;
const whole = (id: number, rows: number, columns: number): View => ({
  buffer: id,
  row: 0,
  rows,
  column: 0,
  columns,
});

/** x: 6 x 4 of two images, weight: 5 x 4, out: 6 x 5, and spare buffers for the rest. */
const BUFFERS = [
  buffer('x', 'input', 6, 4),
  buffer('weight', 'weight', 5, 4),
  buffer('out', 'output', 6, 5),
  buffer('gate', 'state', 2, 5),
  buffer('residual', 'state', 6, 5),
  buffer('index', 'input', 6, 1, 'i32'),
  buffer('temporary', 'temporary', 6, 5),
  buffer('down', 'weight', 3, 4),
  buffer('up', 'weight', 5, 3),
  buffer('image', 'input', 2, 12),
  buffer('square', 'state', 4, 4),
  buffer('down2', 'weight', 2, 5),
  buffer('filters', 'weight', 5, 36),
];
const [x, weight, out, gate, residual, index, temporary, down, up, image, square, down2, filters] =
  BUFFERS.map(({ rows, columns }, id) => whole(id, rows, columns)) as [
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
    View,
  ];

const LINEAR = { op: 'linear', x, weight, epilogue: 'none', out } as const satisfies Op;
const CALIBRATED = {
  op: 'calibratedLinear',
  x,
  cachedInput: x,
  cachedOutput: residual,
  factors: [{ down, up }],
  epilogue: 'none',
  out,
} as const satisfies Op;
const CALIBRATED_MLP = {
  op: 'calibratedMlp',
  x,
  cachedInput: x,
  cachedPreActivation: residual,
  cachedOutput: { ...residual, columns: 4 },
  factors: [
    { down, up },
    { down: down2, up: { ...weight, rows: 4, columns: 2 } },
  ],
  epilogue: 'none',
  out: { ...out, columns: 4 },
} as const satisfies Op;
const ATTENTION = {
  op: 'attention',
  q: residual,
  k: residual,
  v: residual,
  heads: 5,
  queryLength: 3,
  keyLength: 3,
  scale: 1,
  out,
} as const satisfies Op;

/** Two images of 3 x 1 pixels, of 4 channels each. */
const CONVOLUTION = {
  op: 'convolution',
  x,
  weight: filters,
  height: 3,
  width: 1,
  kernel: 3,
  stride: 1,
  upsample: 1,
  padTop: 1,
  padBottom: 1,
  padLeft: 1,
  padRight: 1,
  epilogue: 'none',
  out,
} as const satisfies Op;
const NORM = {
  op: 'norm',
  kind: 'layer',
  x,
  span: 3,
  groups: 2,
  epsilon: 1e-6,
  epilogue: 'none',
  out: { ...residual, columns: 4 },
} as const satisfies Op;

const planOf = (op: Op, buffers: PlanBuffer[] = BUFFERS): Plan => ({
  name: 'p',
  buffers,
  ops: [{ layer: 'here', op }],
});

describe('validation', () => {
  test('accepts every plan that the model builders make', () => {
    for (const plan of allPlans()) validatePlan(plan);
  });

  test('accepts the plans that the refusals below spoil', () => {
    for (const op of [LINEAR, CALIBRATED, CALIBRATED_MLP, ATTENTION, CONVOLUTION, NORM])
      validatePlan(planOf(op));
  });

  const refusals: [string, Op, RegExp][] = [
    [
      'a view outside its buffer',
      { ...LINEAR, x: { ...x, row: 1 } },
      /x takes 6 rows from 1 of 'x', which has 6/,
    ],
    ['a negative place', { ...LINEAR, x: { ...x, column: -1 } }, /x takes 4 columns from -1/],
    ['an empty view', { ...LINEAR, x: { ...x, rows: 0 } }, /x takes 0 rows/],
    ['a fractional view', { ...LINEAR, x: { ...x, columns: 1.5 } }, /x takes 1.5 columns/],
    ['an unknown buffer', { ...LINEAR, x: { ...x, buffer: 99 } }, /x names buffer 99, of 13/],
    [
      'a read before the write',
      { ...LINEAR, x: temporary, weight: up },
      /x reads 'temporary' before it is written/,
    ],
    ['a read of an output', { op: 'silu', x: out, out: temporary }, /x reads 'out' before it is written/],
    ['a write to an input', { op: 'silu', x: residual, out: x }, /out writes to 'x', which is a input/],
    [
      'a write to a weight',
      { op: 'silu', x: residual, out: weight },
      /out writes to 'weight', which is a weight/,
    ],
    ['integers for floats', { ...LINEAR, x: index }, /x is i32 \('index'\); expected f32, bf16, f16/],
    [
      'floats for integers',
      { op: 'gatherRows', table: residual, index: x, out },
      /index is f32 \('x'\); expected i32/,
    ],
    ['a weight that is none', { ...LINEAR, weight: square }, /weight is 'square', of role state/],
    ['another depth', { ...LINEAR, weight: up }, /weight has 3 columns; expected 4/],
    ['another output', { ...LINEAR, out: square }, /out is 4 x 4; expected 6 x 5/],
    ['a misshapen bias', { ...LINEAR, bias: weight }, /bias is 5 x 4; expected 1 x 5/],
    ['a misshapen store', { ...LINEAR, store: gate }, /store is 2 x 5; expected 6 x 5/],
    ['an unknown epilogue', { ...LINEAR, epilogue: 'relu' as 'gelu' }, /epilogue is 'relu'/],
    ['a gate without use', { ...LINEAR, gate }, /epilogue none takes neither gate nor residual/],
    ['no gate', { ...LINEAR, epilogue: 'gateResidual', residual }, /needs gate and residual/],
    [
      'a gate that does not divide',
      { ...LINEAR, epilogue: 'gateResidual', residual, gate: { ...residual, rows: 4 } },
      /gate has 4 rows, which does not divide the 6 rows/,
    ],
    [
      'no cached input',
      { ...CALIBRATED, cachedInput: undefined } as unknown as Op,
      /exactly one of cachedInput/,
    ],
    ['both cached inputs', { ...CALIBRATED, cachedHidden: x }, /exactly one of cachedInput/],
    ['no factors', { ...CALIBRATED, factors: [] }, /factors has 0 of them; expected at least 1/],
    [
      'factors of two ranks',
      { ...CALIBRATED, factors: [{ down, up: weight }] },
      /factors\[0\]\.up has 4 columns; expected 3/,
    ],
    [
      'factors of another width',
      {
        ...CALIBRATED,
        factors: [
          { down, up },
          { down, up },
        ],
      },
      /cachedOutput is 6 x 5; expected 6 x 10/,
    ],
    [
      'an MLP without a cached input',
      { ...CALIBRATED_MLP, cachedInput: undefined } as unknown as Op,
      /exactly one of cachedInput/,
    ],
    [
      'an MLP of one linear',
      { ...CALIBRATED_MLP, factors: [{ down, up }] },
      /factors has 1 of them; expected 2/,
    ],
    [
      'an fc2 of another width than fc1',
      {
        ...CALIBRATED_MLP,
        factors: [
          { down, up },
          { down, up },
        ],
      },
      /factors\[1\]\.down has 4 columns; expected 5/,
    ],
    [
      'a misshapen cached pre-activation',
      { ...CALIBRATED_MLP, cachedPreActivation: x },
      /cachedPreActivation is 6 x 4; expected 6 x 5/,
    ],
    [
      'a cached hidden of both linears',
      { ...CALIBRATED_MLP, cachedInput: undefined, cachedHidden: residual } as unknown as Op,
      /cachedHidden is 6 x 5; expected 6 x 3/,
    ],
    ['an MLP of another output', { ...CALIBRATED_MLP, out }, /out is 6 x 5; expected 6 x 4/],
    ['heads that do not divide', { ...ATTENTION, heads: 2 }, /q has 5 columns, not a multiple of heads 2/],
    [
      'queries that do not divide',
      { ...ATTENTION, queryLength: 4 },
      /q has 6 rows, not a multiple of queryLength 4/,
    ],
    ['keys of another length', { ...ATTENTION, keyLength: 2 }, /k is 6 x 5; expected 4 x 5/],
    ['a scale of nothing', { ...ATTENTION, scale: 0 }, /scale is 0; expected a positive number/],
    [
      'an infinite scale',
      { ...ATTENTION, scale: Number.POSITIVE_INFINITY },
      /scale is Infinity; expected a positive/,
    ],
    [
      'more heads than a side may have',
      { ...ATTENTION, heads: 2 ** 30 + 1 },
      /heads is 1073741825; expected/,
    ],
    ['half a head', { ...ATTENTION, heads: 2.5 }, /heads is 2.5; expected an integer from 1 to 2\^30/],
    [
      'an odd embedding',
      { op: 'timestepEmbedding', x: { ...residual, columns: 1 }, maxPeriod: 10, out },
      /out has 5 columns, not a multiple of 2/,
    ],
    [
      'patches that do not fit',
      { op: 'patchify', x: image, channels: 3, height: 2, width: 2, patch: 3, out: temporary },
      /patch 3 does not divide 2 x 2/,
    ],
    ['a moment that is not square', { op: 'secondMoment', x, out: residual }, /out is 6 x 5; expected 4 x 4/],
    ['no terms', { op: 'linearCombination', terms: [], out }, /terms has 0 of them; expected 1 to 4/],
    [
      'a term of another shape',
      {
        op: 'linearCombination',
        terms: [
          { x: residual, coefficient: 1 },
          { x, coefficient: 1 },
        ],
        out,
      },
      /terms\[1\]\.x is 6 x 4; expected 6 x 5/,
    ],
    [
      'a coefficient that is no number',
      { op: 'linearCombination', terms: [{ x: residual, coefficient: Number.NaN }], out },
      /terms\[0\]\.coefficient is NaN; expected a finite number/,
    ],
    [
      'a distance of many numbers',
      { op: 'relativeDistance', x: residual, previous: residual, norm: 2, out },
      /out is 6 x 5; expected 1 x 1/,
    ],
    [
      'an unknown norm',
      {
        op: 'relativeDistance',
        x: residual,
        previous: residual,
        norm: 3 as 1,
        out: { ...out, rows: 1, columns: 1 },
      },
      /norm is 3; expected 1 or 2/,
    ],
    ['a filter of another size', { ...CONVOLUTION, kernel: 2 as 1 }, /kernel is 2; expected 1 or 3/],
    ['filters of other channels', { ...CONVOLUTION, weight }, /weight has 4 columns; expected 36/],
    ['half an image', { ...CONVOLUTION, height: 4 }, /x has 6 rows, not a multiple of height 4/],
    ['a padding of three', { ...CONVOLUTION, padLeft: 3 }, /padLeft is 3; expected an integer from 0 to 2/],
    ['an image of another size', { ...CONVOLUTION, stride: 2 }, /out is 6 x 5; expected 4 x 5/],
    [
      'a filter larger than the image',
      { ...CONVOLUTION, padLeft: 0, padRight: 0 },
      /across is -1; expected at least 1/,
    ],
    ['a residual without use', { ...CONVOLUTION, residual }, /epilogue none takes neither residual/],
    ['no residual', { ...CONVOLUTION, epilogue: 'residual' }, /epilogue residual needs residual/],
    ['a span that does not divide', { ...NORM, span: 4 }, /x has 6 rows, not a multiple of span 4/],
    ['groups that do not divide', { ...NORM, groups: 3 }, /x has 4 columns, not a multiple of groups 3/],
    ['a gain of half a group', { ...NORM, gain: { ...down, rows: 1, columns: 1 } }, /gain has 1 columns/],
    [
      'a gain that is not repeated wholly',
      { ...NORM, groups: 4, gain: { ...down, rows: 1, columns: 3 } },
      /gain has 3 columns, which does not divide the 4 columns/,
    ],
    [
      'a shift of four rows',
      { ...NORM, shift: square },
      /shift has 4 rows, which does not divide the 6 rows/,
    ],
    [
      'a scale and a shift of other images',
      { ...NORM, scale: { ...square, rows: 2 }, shift: { ...square, rows: 3 } },
      /shift is 3 x 4; expected 2 x 4/,
    ],
    ['an epsilon of nothing', { ...NORM, epsilon: 0 }, /epsilon is 0; expected a positive number/],
    ['an unknown operation', { op: 'conv', x, out } as unknown as Op, /unknown operation 'conv'/],
    ['a product in place', { op: 'secondMoment', x: square, out: square }, /out overlaps x/],
    [
      'half an overlap',
      { op: 'silu', x: { ...residual, rows: 4 }, out: { ...residual, row: 1, rows: 4 } },
      /out overlaps x/,
    ],
    ['a store on the output', { ...LINEAR, store: out }, /store overlaps out/],
  ];
  for (const [what, op, message] of refusals)
    test(`refuses ${what}`, () => {
      assert.throws(
        () => validatePlan(planOf(op)),
        (error: Error) => {
          assert.ok(error instanceof PlanError, String(error));
          assert.match(error.message, /^op 0 \(\w+ of here\): /);
          assert.match(error.message, message);
          return true;
        },
      );
    });

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
