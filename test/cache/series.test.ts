import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepActions } from '../../src/cache/policy.js';
import { Schedule } from '../../src/cache/schedule.js';
import { type SeriesBasis, withSeries } from '../../src/cache/series.js';
import type { LinearAction } from '../../src/models/layers/actions.js';

const STEPS = 9;

/** The attention is computed at steps 0, 1, 4 and 8, the MLP at steps 0 and 2. */
const schedule = Schedule.fromRule(['blocks.0.attention', 'blocks.0.mlp'], STEPS, (step, layer) =>
  (layer === 'blocks.0.attention' ? [0, 1, 4, 8] : [0, 2]).includes(step),
);
const reused = stepActions(schedule, 1, () => 'reuse');
/** As in `D3`, differences up to D1 over three steps, and `1,2`, the sum of D0 and twice D1. */
function text(action: LinearAction): string {
  if (typeof action !== 'object') return action;
  assert.ok(action.kind !== 'calibrateLine');
  return action.kind === 'differences' ? `D${action.distances}` : action.coefficients.join();
}

function textOf(basis: SeriesBasis, linear: 'proj' | 'fc2'): string {
  const series = withSeries(reused, schedule, 2, basis);
  return series.map((actions) => text(actions[0]![linear])).join(' ');
}

test('the published series divides all differences by the last distance, as many as there are yet', () => {
  assert.equal(textOf('taylor', 'proj'), 'D D1 1,1 1,2 D3,3 1,1,0.5 1,2,2 1,3,4.5 compute');
  assert.equal(textOf('taylor', 'fc2'), 'D 1 D2 1,1 1,2 1,3 1,4 1,5 1,6');
});

test("Newton's polynomial divides each difference by the distance that it spans", () => {
  assert.equal(textOf('newton', 'proj'), 'D D1 1,1 1,2 D3,4 1,1,4 1,2,10 1,3,18 compute');
  assert.equal(textOf('newton', 'fc2'), textOf('taylor', 'fc2'));
});

test("Newton's polynomial continues a parabola exactly, whatever lies between the computed steps", () => {
  const parabola = (step: number) => 3 - 2 * step + 0.5 * step ** 2;
  const kept: number[] = [];
  for (const [step, actions] of withSeries(reused, schedule, 2, 'newton').entries()) {
    const { proj } = actions[0]!;
    if (typeof proj !== 'object') continue;
    if (proj.kind === 'differences') {
      let difference = parabola(step);
      const now = proj.distances.map((distance, i) => {
        const lower = difference;
        difference = (difference - kept[i]!) / distance;
        return lower;
      });
      kept.splice(0, kept.length, ...now, difference);
    } else if (proj.kind === 'extrapolate' && proj.coefficients.length === 3) {
      const sum = proj.coefficients.reduce((total, coefficient, i) => total + coefficient * kept[i]!, 0);
      assert.ok(Math.abs(sum - parabola(step)) < 1e-12, `step ${step}`);
    }
  }
});

test('everything before the end of a sublayer is as it was, and so is the schedule that was given', () => {
  for (const [step, actions] of withSeries(reused, schedule, 2, 'newton').entries())
    for (const linear of ['q', 'k', 'v', 'fc1'] as const)
      assert.equal(actions[0]![linear], reused[step]![0]![linear]);
  assert.equal(reused[2]![0]!.proj, 'reuse');
});
