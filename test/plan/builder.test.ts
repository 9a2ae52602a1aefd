import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PlanError } from '../../src/errors.js';
import { PlanBuilder, sliceColumns } from '../../src/plan/builder.js';
import { planText } from '../../src/plan/text.js';
import type { Plan } from '../../src/plan/types.js';
import { tinyActions, tinyStep } from '../support/plans.js';

const opsOf = (plan: Plan, layer: string) =>
  plan.ops.filter((step) => step.layer === layer).map(({ op }) => op.op);

describe('plan builder', () => {
  test('drops what nothing reads', () => {
    const builder = new PlanBuilder('p');
    const x = builder.input('x', 2, 3);
    const unused = builder.temporary(2, 3);
    const out = builder.output('out', 2, 3);
    builder.append({ op: 'silu', x, out: unused });
    builder.append({ op: 'gelu', x, out });
    const { buffers, ops } = builder.build();
    assert.deepEqual(
      buffers.map(({ name }) => name),
      ['x', 'out'],
    );
    assert.deepEqual(
      ops.map(({ op }) => op.op),
      ['gelu'],
    );
  });

  test('one name is one buffer, and not of two shapes', () => {
    const builder = new PlanBuilder('p');
    assert.deepEqual(builder.weight('w', 2, 3), builder.weight('w', 2, 3));
    assert.throws(() => builder.weight('w', 3, 2), PlanError);
    assert.throws(() => builder.state('w', 2, 3), /declared twice: weight f32 2 x 3, then state f32 2 x 3/);
  });

  test('prints a plan that a person can read', () => {
    const builder = new PlanBuilder('example');
    const x = builder.input('x', 2, 3);
    const hidden = builder.temporary(2, 8);
    builder.layer('first');
    builder.append({ op: 'linear', x, weight: builder.weight('w', 8, 3), epilogue: 'gelu', out: hidden });
    builder.layer('second');
    builder.append({ op: 'silu', x: sliceColumns(hidden, 4, 4), out: builder.output('out', 2, 4) });
    assert.equal(
      planText(builder.build()),
      [
        'plan example',
        'buffers',
        '  input     f32  2 x 3          x',
        '  weight    f32  8 x 3          w',
        '  temporary f32  2 x 8          t2',
        '  output    f32  2 x 4          out',
        'ops',
        '  # first',
        '  t2 = linear(x: x, weight: w, epilogue: gelu)',
        '  # second',
        '  out = silu(x: t2[:, 4:8])',
        '',
      ].join('\n'),
    );
  });
});

describe('plans of a step', () => {
  test('of a reused sublayer only its gate is left', () => {
    const [, scattered] = tinyActions(2, 'reuse', () => false).map((actions) => tinyStep(actions));
    assert.deepEqual(opsOf(scattered!, 'blocks.0.attention'), []);
    assert.deepEqual(opsOf(scattered!, 'blocks.0.qkv'), []);
    assert.deepEqual(opsOf(scattered!, 'blocks.0.proj'), ['gateResidual']);
    assert.deepEqual(opsOf(scattered!, 'blocks.0.fc1'), []);
    assert.deepEqual(opsOf(scattered!, 'blocks.0.fc2'), ['gateResidual']);
  });

  test('a calibrated step runs attention in full and no linear of a block', () => {
    const [gathered, scattered] = tinyActions(2, 'calibrate', () => false).map((actions) =>
      tinyStep(actions),
    );
    assert.deepEqual(opsOf(scattered!, 'blocks.1.attention'), ['attention']);
    assert.deepEqual(opsOf(scattered!, 'blocks.1.qkv'), ['layerNormModulate', 'calibratedLinear']);
    assert.deepEqual(opsOf(scattered!, 'blocks.1.proj'), ['calibratedLinear']);
    assert.deepEqual(opsOf(scattered!, 'blocks.1.mlp'), ['calibratedMlp']);
    assert.deepEqual(opsOf(gathered!, 'blocks.1.qkv'), ['layerNormModulate', 'linear']);
  });

  for (const form of ['input', 'rank'] as const)
    test(`fc2 keeps nothing of its input where the MLP is one operation, ${form} form`, () => {
      const plans = tinyActions(2, 'calibrate', () => false).map((actions) => tinyStep(actions, form));
      const cached = form === 'input' ? 'input' : 'hidden';
      for (const plan of plans)
        assert.deepEqual(statesOf(plan, 'blocks.1.fc'), [
          `cache.blocks.1.fc1.${cached}`,
          'cache.blocks.1.fc1.output',
          'cache.blocks.1.fc2.output',
        ]);
    });

  test('where fc1 gathers and fc2 does not, they are linears of their own at every step', () => {
    const steps = tinyActions(3, 'calibrate', (step, layer) => step === 2 && layer === 'blocks.0.fc1');
    const plans = steps.map((actions) => tinyStep(actions, 'input', steps));
    assert.deepEqual(opsOf(plans[1]!, 'blocks.0.fc1'), ['layerNormModulate', 'calibratedLinear']);
    assert.deepEqual(opsOf(plans[1]!, 'blocks.0.fc2'), ['calibratedLinear']);
    assert.deepEqual(opsOf(plans[1]!, 'blocks.1.mlp'), ['calibratedMlp']);
    assert.ok(statesOf(plans[0]!, 'blocks.0.fc').includes('cache.blocks.0.fc2.input'));
  });

  test('rank form stores Wb x of q, k and v on gathered steps', () => {
    const [gathered] = tinyActions(2, 'calibrate', () => false).map((actions) => tinyStep(actions, 'rank'));
    assert.deepEqual(opsOf(gathered!, 'blocks.0.qkv'), [
      'layerNormModulate',
      'linear',
      'linear',
      'linear',
      'linear',
    ]);
    const names = gathered!.buffers.filter(({ role }) => role === 'state').map(({ name }) => name);
    assert.ok(names.includes('cache.blocks.0.qkv.hidden'));
    assert.ok(!names.includes('cache.blocks.0.qkv.input'));
  });

  test('where q gathers and k does not, they are linears of their own', () => {
    const steps = tinyActions(2, 'calibrate', (_, layer) => layer === 'blocks.0.q');
    const plan = tinyStep(steps[1]!, 'input', steps);
    assert.deepEqual(opsOf(plan, 'blocks.0.q'), ['layerNormModulate', 'linear']);
    assert.deepEqual(opsOf(plan, 'blocks.0.k'), ['layerNormModulate', 'calibratedLinear']);
    assert.deepEqual(opsOf(plan, 'blocks.1.qkv'), ['layerNormModulate', 'calibratedLinear']);
  });
});

/** Names of the states whose name has `part` in it, in alphabetical order. */
function statesOf({ buffers }: Plan, part: string): string[] {
  return buffers
    .filter(({ role, name }) => role === 'state' && name.includes(part))
    .map(({ name }) => name)
    .sort();
}
