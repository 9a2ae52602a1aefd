/** Operations that are refused, and why. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PlanError } from '../../src/errors.js';
import type { Op } from '../../src/plan/types.js';
import { validatePlan } from '../../src/plan/validate.js';
import { allPlans } from '../support/plans.js';
import {
  ATTENTION,
  CALIBRATED,
  CALIBRATED_MLP,
  CONVOLUTION,
  down,
  gate,
  image,
  index,
  LINEAR,
  NORM,
  out,
  planOf,
  residual,
  square,
  temporary,
  up,
  weight,
  x,
} from './goodPlans.js';

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
    ['a residual without use', { ...CONVOLUTION, residual }, /epilogue none takes no residual/],
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
});
