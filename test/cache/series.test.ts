import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepActions } from '../../src/cache/policy.js';
import { Schedule } from '../../src/cache/schedule.js';
import { withSeries } from '../../src/cache/series.js';
import type { LinearAction } from '../../src/models/layers/actions.js';

const STEPS = 9;

/** The attention is computed at steps 0, 1, 4 and 8, the MLP at steps 0 and 2. */
const schedule = Schedule.fromRule(['blocks.0.attention', 'blocks.0.mlp'], STEPS, (step, layer) =>
  (layer === 'blocks.0.attention' ? [0, 1, 4, 8] : [0, 2]).includes(step),
);
const reused = stepActions(schedule, 1, () => 'reuse');
const series = withSeries(reused, schedule, 2);

/** As in `D1/3`, differences up to D1 over three steps, and `x2/1`, extrapolated to order 2 by one step. */
function text(action: LinearAction): string {
  if (typeof action !== 'object') return action;
  assert.ok(action.kind !== 'calibrateLine');
  return `${action.kind === 'differences' ? 'D' : 'x'}${action.order}/${action.distance}`;
}

test('each sublayer has differences over its own computed steps, as many as there are yet', () => {
  const of = (linear: 'proj' | 'fc2') => series.map((actions) => text(actions[0]![linear])).join(' ');
  assert.equal(of('proj'), 'D0/0 D1/1 x1/1 x1/2 D2/3 x2/1 x2/2 x2/3 compute');
  assert.equal(of('fc2'), 'D0/0 x0/1 D1/2 x1/1 x1/2 x1/3 x1/4 x1/5 x1/6');
});

test('everything before the end of a sublayer is as it was, and so is the schedule that was given', () => {
  for (const [step, actions] of series.entries())
    for (const linear of ['q', 'k', 'v', 'fc1'] as const)
      assert.equal(actions[0]![linear], reused[step]![0]![linear]);
  assert.equal(reused[2]![0]!.proj, 'reuse');
});
