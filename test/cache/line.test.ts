/** Calibration against a line: which stores are kept, and how far on the line each step is. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withLines } from '../../src/cache/line.js';
import { fusedMlp, type StepActions, splitQkv, stepActions } from '../../src/cache/policy.js';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import type { BlockLinear, LinearAction } from '../../src/models/layers/actions.js';

const LAYERS = scheduleLayers(2, 'linear');

function text(action: LinearAction): string {
  return typeof action === 'object' && action.kind === 'calibrateLine' ? `+${action.slope}` : String(action);
}

const of = (steps: readonly StepActions[], linear: BlockLinear) =>
  steps.map((actions) => text(actions[1]![linear])).join(' ');

describe('lines', () => {
  test('go through the last two stores, once there are two', () => {
    const steps = stepActions(Schedule.fromSteps(LAYERS, 9, [0, 2, 5, 8]), 2, () => 'calibrate');
    const lines = withLines(steps);
    assert.equal(
      of(lines, 'proj'),
      `store calibrate storeLine +0.5 +1 storeLine +${1 / 3} +${2 / 3} compute`,
    );
    assert.equal(
      of(steps, 'proj'),
      'store calibrate store calibrate calibrate store calibrate calibrate compute',
    );
  });

  test('go through steps that were computed one after the other', () => {
    const steps = stepActions(Schedule.fromSteps(LAYERS, 6, [0, 1, 2, 4]), 2, () => 'calibrate');
    assert.equal(of(withLines(steps), 'fc1'), 'compute store storeLine +1 storeLine +0.5');
  });

  test('leave a layer that is reused as it is', () => {
    const steps = stepActions(Schedule.fromPeriod(LAYERS, 4, 2), 2, (layer) =>
      layer.endsWith('fc2') ? 'reuse' : 'calibrate',
    );
    const lines = withLines(steps);
    assert.equal(of(lines, 'fc2'), of(steps, 'fc2'));
    assert.equal(of(lines, 'q'), 'store calibrate storeLine +0.5');
  });

  test('keep q, k and v together, and fc1 and fc2 apart', () => {
    const lines = withLines(stepActions(Schedule.fromPeriod(LAYERS, 5, 2), 2, () => 'calibrate'));
    assert.deepEqual(splitQkv(lines, 2), [false, false]);
    assert.deepEqual(fusedMlp(lines, 2), [false, false]);
  });
});
