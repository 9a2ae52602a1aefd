import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import { ArgumentError } from '../../src/errors.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import { TINY, TINY_NETWORK } from '../support/tinyModel.js';

const LAYERS = scheduleLayers(TINY_NETWORK, 'sublayer');
const layerOf = (layer: string) => TINY_NETWORK.layers.find(({ name }) => name === layer)!;

describe('schedules', () => {
  test('columns of each granularity', () => {
    assert.deepEqual(scheduleLayers(TINY_NETWORK, 'block'), ['blocks.0', 'blocks.1']);
    assert.deepEqual(LAYERS, ['blocks.0.attention', 'blocks.0.mlp', 'blocks.1.attention', 'blocks.1.mlp']);
    assert.deepEqual(
      scheduleLayers(ditNetwork({ ...TINY, depth: 1 }), 'linear'),
      ['q', 'k', 'v', 'proj', 'fc1', 'fc2'].map((kind) => `blocks.0.${kind}`),
    );
  });

  test('exactly one of G and S is 1 in every cell, and the first step gathers', () => {
    const rule = fc.func<[number, string], boolean>(fc.boolean());
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), rule, (steps, gathers) => {
        const { gather, scatter } = Schedule.fromRule(LAYERS, steps, gathers);
        assert.deepEqual(
          gather[0],
          LAYERS.map(() => 1),
        );
        for (const [step, row] of gather.entries())
          for (const [column, cell] of row.entries()) assert.equal(cell + scatter[step]![column]!, 1);
      }),
    );
  });

  test('a period and the list of its steps are the same', () => {
    const period = Schedule.fromPeriod(LAYERS, 7, 3);
    assert.deepEqual(
      period.gather.map((row) => row[0]),
      [1, 0, 0, 1, 0, 0, 1],
    );
    assert.deepEqual(Schedule.fromSteps(LAYERS, 7, [0, 3, 6]), period);
  });

  test('a cell holds for every linear that it stands for, whatever the granularity', () => {
    for (const granularity of ['linear', 'sublayer', 'block'] as const) {
      const schedule = Schedule.fromPeriod(scheduleLayers(TINY_NETWORK, granularity), 4, 2);
      for (let step = 0; step < 4; step++)
        for (const layer of TINY_NETWORK.layers) assert.equal(schedule.gathers(step, layer), step % 2 === 0);
    }
    const mlpOnly = Schedule.fromRule(LAYERS, 2, (_, layer) => layer === 'blocks.1.mlp');
    assert.deepEqual(
      TINY_NETWORK.layers.filter((layer) => mlpOnly.gathers(1, layer)).map(({ name }) => name),
      ['blocks.1.fc1', 'blocks.1.fc2'],
    );
  });

  const all = [1, 1, 1, 1];
  const none = [0, 0, 0, 0];
  const refusals: [string, () => unknown, RegExp][] = [
    [
      'a cell with both',
      () => new Schedule(LAYERS, [all, [0, 1, 0, 0]], [none, all]),
      /^G and S at step 1, layer blocks\.0\.mlp is \[1,1\]/,
    ],
    [
      'a cell with neither',
      () => new Schedule(LAYERS, [all, none], [none, [1, 1, 1, 0]]),
      /^G and S at step 1, layer blocks\.1\.mlp is \[0,0\]/,
    ],
    [
      'a cell of 2',
      () => new Schedule(LAYERS, [all, [2, 0, 0, 0]], [none, [-1, 1, 1, 1]]),
      /step 1, layer blocks\.0\.attention is \[2,-1\]/,
    ],
    [
      'a first step that scatters',
      () => new Schedule(LAYERS, [[1, 1, 0, 1]], [[0, 0, 1, 0]]),
      /step 0, layer blocks\.1\.attention .* first step to gather/,
    ],
    [
      'a narrow row',
      () => new Schedule(LAYERS, [[1, 1, 1]], [none]),
      /^G\[0\] is '3 cells wide'; expected one cell for each of 4 layers/,
    ],
    [
      'matrices of two lengths',
      () => new Schedule(LAYERS, [all], [none, all]),
      /^S is '2 steps'; expected 1 steps/,
    ],
    ['no step', () => new Schedule(LAYERS, [], []), /^steps is 0/],
    ['period 0', () => Schedule.fromPeriod(LAYERS, 5, 0), /^period is 0; expected an integer of at least 1/],
    [
      'steps without the first',
      () => Schedule.fromSteps(LAYERS, 5, [1, 2]),
      /^gather steps is \[1,2\]; expected a list that includes step 0/,
    ],
    [
      'a step past the end',
      () => Schedule.fromSteps(LAYERS, 5, [0, 5]),
      /^gather step is 5; expected an integer from 0 to 4/,
    ],
    [
      'columns of another model',
      () => Schedule.fromPeriod(['blocks.0'], 5, 2).gathers(1, layerOf('blocks.1.q')),
      /a column for blocks\.1\.q/,
    ],
    [
      'an unknown granularity',
      () => scheduleLayers(TINY_NETWORK, 'head' as 'block'),
      /^granularity is 'head'/,
    ],
  ];
  for (const [what, make, message] of refusals)
    test(`refuses ${what}`, () => {
      assert.throws(make, (error: Error) => {
        assert.ok(error instanceof ArgumentError, String(error));
        assert.match(error.message, message);
        return true;
      });
    });
});
