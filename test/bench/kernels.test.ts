/** The cases of the kernels' benchmark: plans that run, and which run has which. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { movedBytes } from '../../bench/kernels/bytes.js';
import { chooseCases, kernelCases } from '../../bench/kernels/index.js';
import { linearPlan } from '../../bench/kernels/linear.js';
import { parseOptions } from '../../bench/options.js';
import { planCost } from '../../src/plan/cost.js';

const KERNELS = [
  'linear',
  'calibratedLinear',
  'calibratedMlp',
  'attention',
  'layerNormModulate',
  'convolution',
  'norm',
];

describe('cases', () => {
  const all = kernelCases();

  test('every run has every kernel, each with more than the one before', () => {
    let fewer = 0;
    for (const level of ['quick', 'default', 'full'] as const) {
      const cases = chooseCases(all, level, '');
      assert.deepEqual([...new Set(cases.map(({ kernel }) => kernel))], KERNELS);
      assert.ok(cases.length > fewer);
      fewer = cases.length;
    }
    assert.equal(fewer, all.length);
  });

  test('have names of their own, and every model is in the default run', () => {
    const names = all.map(({ kernel, shape }) => `${kernel} ${shape}`);
    assert.equal(new Set(names).size, names.length);
    for (const model of ['S/2', 'B/2', 'XL/2', 'embedded'])
      for (const kernel of ['linear', 'calibratedLinear', 'calibratedMlp', 'layerNormModulate'])
        assert.ok(chooseCases(all, 'default', `${kernel} ${model}`).length > 0, `${kernel} ${model}`);
  });

  test('ranks go from 32 to 256, tokens from 64 to 1024, heads are 64 and 72 wide', () => {
    for (const wanted of ['-> 32 ->', '-> 64 ->', '-> 128 ->', '-> 256 ->', 'input form', 'rank form'])
      assert.ok(
        chooseCases(all, 'default', `calibratedLinear`).some(({ shape }) => shape.includes(wanted)),
        wanted,
      );
    for (const wanted of [' 64 tokens', ' 256 tokens', ' 1024 tokens', 'of 64', 'of 72'])
      assert.ok(
        chooseCases(all, 'default', 'attention').some(({ shape }) => shape.includes(wanted)),
        wanted,
      );
  });

  test('are valid plans, and cost less than what they replace where the rank is small', () => {
    for (const { shape, plan, replaces } of chooseCases(all, 'default', ''))
      for (const type of ['f32', 'bf16'] as const) {
        const own = planCost(plan(type)).macs;
        if (replaces) assert.ok(own < planCost(replaces(type)).macs, shape);
      }
  });

  test('bytes are those of operands as a device keeps them', () => {
    const plan = linearPlan(2, { name: 'fc1', depth: 3, columns: 4, parts: 1 }, 'f32');
    const rest = 4 * (2 * 3 + 4 + 2 * 4);
    assert.equal(movedBytes(plan, 'f32'), 4 * 12 + rest);
    assert.equal(movedBytes(plan, 'bf16'), 2 * 12 + rest);
    assert.equal(movedBytes(plan, 'int8'), 12 + rest);
  });
});

describe('options', () => {
  test('a name is a filter', () => {
    assert.equal(parseOptions(['attention']).filter, 'attention');
    assert.equal(parseOptions(['XL/2', 'fc1']).filter, 'XL/2 fc1');
    assert.equal(parseOptions(['--filter', 'fc1']).filter, 'fc1');
  });

  test('the level, and ten per cent if nothing is said', () => {
    assert.deepEqual([parseOptions([]).level, parseOptions([]).tolerance], ['default', 10]);
    assert.equal(parseOptions(['--quick']).level, 'quick');
    assert.equal(parseOptions(['--full']).level, 'full');
    assert.equal(parseOptions(['--tolerance', '2.5']).tolerance, 2.5);
  });
});
