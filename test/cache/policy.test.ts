import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  stepActions as actionsOf,
  fusedPairs,
  type ScatterAction,
  splitGroups,
} from '../../src/cache/policy.js';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import { namesOf, sameNames } from '../support/actions.js';
import { TINY, TINY_NETWORK } from '../support/tinyModel.js';

const ONE_BLOCK = ditNetwork({ ...TINY, depth: 1 });
const LAYERS = scheduleLayers(TINY_NETWORK, 'linear');
const KINDS = ['q', 'k', 'v', 'proj', 'fc1', 'fc2'];
const stepActions = (schedule: Schedule, blocks: 1 | 2, scatter: ScatterAction) =>
  actionsOf(blocks === 1 ? ONE_BLOCK : TINY_NETWORK, schedule, scatter).map(namesOf);
const periodic = (steps: number, period: number) => Schedule.fromPeriod(LAYERS, steps, period);

describe('actions of steps', () => {
  test('with period 1 everything is computed and nothing stored', () => {
    for (const action of ['reuse', 'calibrate'] as const)
      for (const step of stepActions(periodic(4, 1), 2, () => action))
        assert.deepEqual(step, [sameNames('compute'), sameNames('compute')]);
  });

  test('reuse stores the last output of each sublayer, and nothing at a last gather', () => {
    const [first, second, third] = stepActions(periodic(3, 2), 2, () => 'reuse');
    const stored = { ...sameNames('compute'), proj: 'storeOutput', fc2: 'storeOutput' };
    assert.deepEqual(first, [stored, stored]);
    assert.deepEqual(second, [sameNames('reuse'), sameNames('reuse')]);
    assert.deepEqual(third, [sameNames('compute'), sameNames('compute')]);
  });

  test('calibration stores inputs and outputs', () => {
    const [first, second] = stepActions(periodic(2, 2), 1, () => 'calibrate');
    assert.deepEqual(first, [sameNames('store')]);
    assert.deepEqual(second, [sameNames('calibrate')]);
  });

  test('a layer without an increment is reused among calibrated ones', () => {
    const [first, second] = stepActions(periodic(2, 2), 1, (layer) =>
      layer.endsWith('fc2') ? 'reuse' : 'calibrate',
    );
    assert.deepEqual(second, [{ ...sameNames('calibrate'), fc1: 'reuse', fc2: 'reuse' }]);
    assert.deepEqual(first, [{ ...sameNames('store'), fc1: 'compute', fc2: 'storeOutput' }]);
  });

  test('a store serves a reuse and a calibration', () => {
    const [first, second, third] = stepActions(periodic(3, 3), 1, (_, step) =>
      step === 1 ? 'reuse' : 'calibrate',
    );
    assert.deepEqual(first, [sameNames('store')]);
    assert.deepEqual(second, [sameNames('reuse')]);
    assert.deepEqual(third, [sameNames('calibrate')]);
  });

  test('what is read was stored before, and what is stored is read before the next gather', () => {
    const row = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 });
    const cells = fc.array(fc.tuple(row, row), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(cells, (drawn) => {
        const [gathers, reuse] = [drawn.map(([g]) => g), drawn.map(([, r]) => r)];
        const schedule = Schedule.fromRule(
          LAYERS,
          gathers.length,
          (step, layer) => gathers[step]![LAYERS.indexOf(layer)]!,
        );
        const steps = stepActions(schedule, 2, (layer, step) =>
          reuse[step]![LAYERS.indexOf(layer)] ? 'reuse' : 'calibrate',
        );
        for (let block = 0; block < 2; block++)
          for (const linear of KINDS) {
            const end = linear.startsWith('fc') ? 'fc2' : 'proj';
            let held = 'compute';
            let read = true;
            for (const actions of steps) {
              const action = actions[block]![linear];
              if (action === 'compute' || action === 'storeOutput' || action === 'store') {
                assert.ok(read, `${linear}: what was stored is never read`);
                held = action;
                read = action === 'compute';
                continue;
              }
              // Bypassed: the sublayer's end is reused, and this linear does not run.
              if (linear !== end && actions[block]![end] === 'reuse') continue;
              assert.ok(
                held === 'store' || (held === 'storeOutput' && action === 'reuse'),
                `${linear}: ${held}`,
              );
              read = true;
            }
            assert.ok(read, `${linear}: what was stored last is never read`);
          }
      }),
    );
  });

  test('q, k and v are split in the blocks where they differ at some step', () => {
    const schedule = Schedule.fromRule(LAYERS, 3, (step, layer) => layer === 'blocks.1.k' && step === 2);
    const steps = actionsOf(TINY_NETWORK, schedule, () => 'calibrate');
    assert.deepEqual(splitGroups(TINY_NETWORK, steps), new Set(['blocks.1.qkv']));
  });

  test('an MLP is fused in the blocks whose fc1 and fc2 are calibrated together', () => {
    const fused = (schedule: Schedule, scatter: ScatterAction) => [
      ...fusedPairs(TINY_NETWORK, actionsOf(TINY_NETWORK, schedule, scatter)),
    ];
    const schedule = Schedule.fromRule(LAYERS, 3, (step, layer) => layer === 'blocks.1.fc2' && step === 2);
    assert.deepEqual(
      fused(schedule, () => 'calibrate'),
      ['blocks.0.mlp'],
    );
    assert.deepEqual(
      fused(schedule, (layer) => (layer === 'blocks.0.fc1' ? 'reuse' : 'calibrate')),
      [],
    );
    assert.deepEqual(
      fused(periodic(4, 2), (_, step) => (step === 1 ? 'reuse' : 'calibrate')),
      ['blocks.0.mlp', 'blocks.1.mlp'],
    );
  });
});
