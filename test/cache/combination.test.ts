/** What is kept, where, and with which coefficients it is combined. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Combination, withCombinations } from '../../src/cache/combination.js';
import {
  stepActions as actionsOf,
  fusedPairs,
  type ScatterAction,
  splitGroups,
} from '../../src/cache/policy.js';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import { type SeriesBasis, seriesOf } from '../../src/cache/series.js';
import { type Actions, actionName, type LayerAction } from '../../src/models/layers/actions.js';
import { TINY_NETWORK } from '../support/tinyModel.js';

const LAYERS = scheduleLayers(TINY_NETWORK, 'linear');
const stepActions = (schedule: Schedule, scatter: ScatterAction) =>
  actionsOf(TINY_NETWORK, schedule, scatter);
const withLines = (steps: readonly Actions[], combination: Combination) =>
  withCombinations(TINY_NETWORK, steps, combination);

/** As in `keep 1`, and `1.5*0 -0.5*1`: 1.5 times what slot 0 keeps less half of what slot 1 keeps. */
function text(action: LayerAction): string {
  if (action.compute) return action.keep ? `keep ${action.keep.slot}` : 'compute';
  return action.from.map(({ slot, coefficient }) => `${coefficient}*${slot}`).join(' ');
}

const of = (steps: readonly Actions[], kind: string) =>
  steps.map((actions) => text(actions.get(`blocks.1.${kind}`)!)).join(', ');
const namesOf = (steps: readonly Actions[], kind: string) =>
  steps.map((actions) => actionName(actions.get(`blocks.1.${kind}`)!)).join(', ');

const calibrated = (computed: readonly number[], steps: number) =>
  stepActions(Schedule.fromSteps(LAYERS, steps, computed), () => 'calibrate');

const LAYER = TINY_NETWORK.layers[0]!;
const line = seriesOf('calibrate', 1, 'newton');

describe('combinations', () => {
  test('are of the last computed steps, as many as there are, which take the slots in turn', () => {
    const steps = calibrated([0, 2, 5, 7], 9);
    assert.equal(
      of(withLines(steps, line), 'proj'),
      `keep 0, 1*0, keep 1, 1.5*1 -0.5*0, 2*1 -1*0, keep 0, ${1 + 1 / 3}*0 ${-1 / 3}*1, keep 1, 1.5*1 -0.5*0`,
    );
    assert.equal(
      namesOf(steps, 'proj'),
      'store, calibrate, store, calibrate, calibrate, store, calibrate, store, calibrate',
    );
  });

  test('keep only what is used', () => {
    const lines = withLines(calibrated([0, 1, 2, 4, 5, 6], 8), line);
    assert.equal(of(lines, 'fc1'), 'compute, keep 1, keep 0, 2*0 -1*1, compute, keep 0, keep 1, 2*1 -1*0');
    const reuse: Combination = { of: 'calibrate', terms: 3, coefficients: () => [1, 0, 0] };
    assert.equal(of(withLines(calibrated([0, 1, 2], 4), reuse), 'q'), 'compute, compute, keep 2, 1*2');
  });

  test('leave a layer that is reused as it is', () => {
    const steps = stepActions(Schedule.fromPeriod(LAYERS, 4, 2), (layer) =>
      layer.endsWith('fc2') ? 'reuse' : 'calibrate',
    );
    const lines = withLines(steps, line);
    assert.equal(of(lines, 'fc2'), of(steps, 'fc2'));
    assert.equal(of(lines, 'q'), 'keep 0, 1*0, keep 1, 1.5*1 -0.5*0');
  });

  test('keep q, k and v together, and fc1 and fc2 apart', () => {
    const lines = withLines(calibrated([0, 2, 4], 5), line);
    assert.deepEqual(splitGroups(TINY_NETWORK, lines), new Set());
    assert.deepEqual(fusedPairs(TINY_NETWORK, lines), new Set());
  });

  test('ask for the coefficients of every layer, step and past', () => {
    const asked: string[] = [];
    withLines(calibrated([0, 2], 4), {
      of: 'calibrate',
      terms: 2,
      coefficients: (step, past, layer) => {
        if (layer.name.startsWith('blocks.1.fc')) asked.push(`${layer.name} ${step} ${past}`);
        return past.map((_, i) => (i === 0 ? 1 : 0));
      },
    });
    assert.deepEqual(
      asked,
      ['fc1 1 0', 'fc1 3 2,0', 'fc2 1 0', 'fc2 3 2,0'].map((text) => `blocks.1.${text}`),
    );
  });
});

describe('combinations of what is reused', () => {
  /** The attention is computed at steps 0, 1, 4 and 8, the MLP at steps 0 and 2. */
  const schedule = Schedule.fromRule(scheduleLayers(TINY_NETWORK, 'sublayer'), 9, (step, layer) =>
    (layer.endsWith('attention') ? [0, 1, 4, 8] : [0, 2]).includes(step),
  );
  const reused = stepActions(schedule, () => 'reuse');
  const series = withLines(reused, seriesOf('reuse', 2, 'newton'));

  test('each sublayer goes by its own computed steps', () => {
    assert.equal(
      of(series, 'proj'),
      'keep 0, keep 1, 2*1 -1*0, 3*1 -2*0, keep 2, ' +
        [5, 6, 7].map((step) => newton(step, [4, 1, 0])).join(', ') +
        ', compute',
    );
    assert.equal(of(series, 'fc2').slice(0, 30), 'keep 0, 1*0, keep 1, 1.5*1 -0.');
  });

  test('everything before the end of a sublayer is as it was', () => {
    for (const [step, actions] of series.entries())
      for (const linear of ['q', 'k', 'v', 'fc1'] as const)
        assert.equal(actions.get(`blocks.0.${linear}`), reused[step]!.get(`blocks.0.${linear}`));
  });

  function newton(step: number, past: readonly number[]): string {
    const own = seriesOf('reuse', 2, 'newton').coefficients(step, past, LAYER);
    return own.map((coefficient, i) => `${coefficient}*${2 - i}`).join(' ');
  }
});

describe('polynomials over the steps', () => {
  const value = (
    basis: SeriesBasis,
    order: number,
    past: number[],
    step: number,
    f: (step: number) => number,
  ) =>
    seriesOf('reuse', order, basis)
      .coefficients(step, past, LAYER)
      .reduce((sum, coefficient, i) => sum + coefficient * f(past[i]!), 0);
  const cubic = (step: number) => 3 - 2 * step + 0.5 * step ** 2 - 0.1 * step ** 3;

  test("Newton's goes through its points, whatever lies between them", () => {
    for (const past of [
      [6, 4, 2, 0],
      [7, 6, 2, 1],
    ])
      assert.ok(Math.abs(value('newton', 3, past, 9, cubic) - cubic(9)) < 1e-9, String(past));
  });

  test('the published series is the sum of D(i) x^i / i!', () => {
    const [p, q, r] = [7, 6, 2];
    const d = (a: number, b: number) => (cubic(a) - cubic(b)) / (a - b);
    const second = (d(p, q) - d(q, r)) / (p - q);
    const expected = cubic(p) + 2 * d(p, q) + (2 ** 2 / 2) * second;
    assert.ok(Math.abs(value('taylor', 2, [p, q, r], 9, cubic) - expected) < 1e-9);
  });

  test('the damped series is F + 2 s^2 x D1 + (2 s^4 x^2 - s^2) D2 + ..., s = 1/2', () => {
    const [p, q, r, o] = [8, 6, 4, 2];
    const d = (a: number, b: number) => (cubic(a) - cubic(b)) / 2;
    const second = (d(p, q) - d(q, r)) / 2;
    const third = (second - (d(q, r) - d(r, o)) / 2) / 2;
    for (const x of [1, 2, 3]) {
      const line = cubic(p) + (x / 2) * d(p, q);
      const parabola = line + (x ** 2 / 8 - 1 / 4) * second;
      // s^3 H_3(s x) / 3!, H_3(y) = 8 y^3 - 12 y.
      const whole = parabola + ((x ** 3 - 6 * x) / 8 / 6) * third;
      for (const [order, expected] of [cubic(p), line, parabola, whole].entries()) {
        const past = [p, q, r, o].slice(0, order + 1);
        assert.ok(Math.abs(value('hermite', order, past, p + x, cubic) - expected) < 1e-9, `${order} ${x}`);
      }
    }
  });

  test('both are the same line, and their coefficients sum to 1', () => {
    for (const past of [[5], [5, 3], [5, 3, 2], [5, 3, 2, 0]]) {
      const [newton, taylor] = (['newton', 'taylor'] as const).map((basis) =>
        seriesOf('reuse', past.length - 1, basis).coefficients(6, past, LAYER),
      );
      if (past.length < 3) assert.deepEqual(newton, taylor);
      for (const own of [newton!, taylor!])
        assert.ok(Math.abs(own.reduce((a, b) => a + b) - 1) < 1e-12, String(past));
    }
  });
});
