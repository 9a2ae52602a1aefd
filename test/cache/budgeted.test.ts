/** The policies that choose under a budget of MACs, and the MACs they count with. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CachePolicy, policyActions } from '../../src/cache/cachePolicy.js';
import type { MeasuredErrors } from '../../src/cache/measuredErrors.js';
import { Mixed } from '../../src/cache/mixed.js';
import { Scheduled } from '../../src/cache/scheduled.js';
import { Searched } from '../../src/cache/searched.js';
import { sublayerMacs } from '../../src/cache/sublayerMacs.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import { namesOf, sameNames } from '../support/actions.js';
import { TINY_NETWORK } from '../support/tinyModel.js';

const geometry = TINY_NETWORK.latents;

describe('the MACs of sublayers', () => {
  const rank = (layer: string) => (layer.endsWith('q') ? 0 : layer.endsWith('fc2') ? 7 : 3);
  const run = { network: TINY_NETWORK, geometry, steps: 2, rank };
  const stepMacs = (policy: Scheduled) =>
    planSession(TINY_NETWORK, { sequences: 1, conditions: 1, rank, steps: policyActions(policy, run) })
      .stepMacs;
  const macs = sublayerMacs(TINY_NETWORK, geometry, rank);
  const sum = (of: 'compute' | 'calibrate') => macs.reduce((all, each) => all + each[of]!, 0);

  test('are those of the plans', () => {
    const fixed = TINY_NETWORK.fixedMacs(geometry);
    const full = fixed + sum('compute');
    assert.equal(stepMacs(new Scheduled('none', {})), 2 * full);
    assert.equal(stepMacs(new Scheduled('calibrated', {})), full + fixed + sum('calibrate'));
    assert.equal(stepMacs(new Scheduled('reuse', {})), full + fixed);
  });

  test('know no calibration where the last linear has no increment', () => {
    const ends = sublayerMacs(TINY_NETWORK, geometry, (layer) => (layer.endsWith('proj') ? 0 : 4));
    assert.deepEqual(
      ends.map(({ calibrate }) => calibrate !== undefined),
      [false, true, false, true],
    );
  });
});

describe('under a budget', () => {
  const [steps, gaps] = [4, 2];
  const errors: MeasuredErrors = {
    steps,
    gaps,
    sublayers: TINY_NETWORK.sublayers.length,
    order: 0,
    kinds: ['reuse', 'calibrate'],
    // Reuse is right at step 2, and calibration elsewhere; of the sublayers, in MLPs.
    stepError: (kind, step, [gap]) => ((kind === 'reuse') === (step === 2) ? 0.01 : 1) * gap!,
    sublayerError: (kind, step, gap, sublayer) =>
      ((kind === 'calibrate') === (sublayer % 2 === 1) ? 0.01 : 1) * gap + step / 1000,
  };
  const run = { network: TINY_NETWORK, geometry, steps, rank: () => 2 };
  const actionsOf = (policy: CachePolicy) => policyActions(policy, run);
  const macsOf = (policy: CachePolicy) =>
    planSession(TINY_NETWORK, { sequences: 1, conditions: 1, rank: run.rank, steps: actionsOf(policy) })
      .stepMacs;
  const whole = macsOf(new Scheduled('none', {}));

  for (const Policy of [Searched, Mixed])
    describe(Policy.name, () => {
      test('stays within its budget, and with all of it computes everything', () => {
        assert.equal(macsOf(new Policy(errors, 1)), whole);
        for (const budget of [0.9, 0.8, 0.6]) assert.ok(macsOf(new Policy(errors, budget)) <= budget * whole);
        const spent = macsOf(new Policy(errors, 0.8)) / whole;
        assert.ok(spent > 0.7, `${spent} of 0.8`);
      });

      test('refuses a budget that cannot be met, and says the least', () => {
        let least = Number.NaN;
        assert.throws(
          () => new Policy(errors, 0.1).decide(run),
          ({ name, message }: Error) => {
            least = Number(/budget is 0.1; expected at least ([\d.]+) of the MACs/.exec(message)?.[1]);
            return name === 'ArgumentError';
          },
        );
        assert.ok(macsOf(new Policy(errors, least)) <= least * whole);
        assert.throws(() => new Policy(errors, least - 2e-4).decide(run), /at least/);
        assert.throws(() => new Policy(errors, 1.5), /budget is 1.5; expected a finite number from 0 to 1/);
      });

      test('refuses errors of another run', () => {
        const decide = (given: Partial<MeasuredErrors>, rank = 2) =>
          new Policy({ ...errors, ...given }, 1).decide({ ...run, rank: () => rank });
        assert.throws(() => decide({ steps: 5 }), /errors is 'of 5 steps and 4 sublayers'; expected 4 steps/);
        assert.throws(() => decide({ sublayers: 6 }), /expected 4 steps and 4 sublayers/);
        assert.throws(() => decide({ kinds: ['reuse'] }), /errors is 'of reuse alone'/);
        assert.ok(decide({ kinds: ['reuse'] }, 0));
      });
    });

  test('searched does the same everywhere, and at every step what is right there', () => {
    const [first, second, third, fourth] = actionsOf(new Searched(errors, 0.6)).map(namesOf);
    assert.deepEqual(first, [sameNames('store'), sameNames('store')]);
    assert.deepEqual(second, [sameNames('calibrate'), sameNames('calibrate')]);
    assert.deepEqual(third, [sameNames('reuse'), sameNames('reuse')]);
    assert.deepEqual(fourth, [sameNames('compute'), sameNames('compute')]);
  });

  test('mixed does in every sublayer what is right there', () => {
    const cached = actionsOf(new Mixed(errors, 0.6))
      .flatMap(namesOf)
      .filter(({ proj, fc2 }) => proj !== 'store' && proj !== 'storeOutput' && fc2 !== 'store');
    assert.ok(cached.some(({ proj }) => proj === 'reuse') && cached.some(({ fc2 }) => fc2 === 'calibrate'));
    for (const { proj, fc2 } of cached) assert.ok(proj !== 'calibrate' && fc2 !== 'reuse', `${proj}, ${fc2}`);
  });

  describe('of errors of extrapolation', () => {
    const line = { ...errors, order: 1 };
    /** Steps are worth little but the third, unless two steps lie between the computed ones. */
    const stepError = (_: unknown, step: number, [, between]: readonly number[]) =>
      (step === 2 ? 1 : 0.01) + (between === 2 ? 1 : 0);

    test('searched extrapolates, or calibrates against the line', () => {
      const series = new Searched({ ...line, kinds: ['reuse'], stepError }, 0.8).decide({
        ...run,
        rank: () => 0,
      });
      assert.deepEqual([series.combination!.of, series.combination!.terms], ['reuse', 2]);
      assert.deepEqual(
        series.schedule.gather.map(([cell]) => cell),
        [1, 1, 1, 0],
      );
      const calibrated = new Searched({ ...line, kinds: ['calibrate'], stepError }, 0.8);
      assert.equal(calibrated.decide(run).combination!.of, 'calibrate');
      const last = actionsOf(calibrated).at(-1)!;
      assert.ok([...last.values()].every((action) => !action.compute && action.increment));
      assert.ok(namesOf(last).every(({ q }) => q === 'combine'));
    });

    test('are refused by a run that does another thing, and by mixed', () => {
      assert.throws(
        () => new Searched({ ...line, kinds: ['calibrate'] }, 1).decide({ ...run, rank: () => 0 }),
        /errors is 'of calibration of order 1'; expected the factors beside them/,
      );
      assert.throws(
        () => new Mixed(line, 1).decide(run),
        /errors is 'of order 1'; expected errors of order 0/,
      );
    });
  });
});
