/** The schedule of least error, against trying all of them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StepGrams } from '../../src/cache/data/stepGrams.js';
import { fitCoefficients } from '../../src/cache/fitCoefficients.js';
import { mostBetween, scheduleOfGrams } from '../../src/cache/gramSchedule.js';
import { Random } from '../support/random.js';

const STEPS = 9;

/** Of features that drift, faster towards the end. */
function gramOf(seed: number): Float64Array {
  const random = new Random(seed);
  const features = [random.normals(30)];
  for (let step = 1; step < STEPS; step++) {
    const moved = random.normals(30, 0.02 * step ** 2);
    features.push(features[step - 1]!.map((value, i) => value + moved[i]!));
  }
  return Float64Array.from(
    features.flatMap((a) => features.map((b) => a.reduce((sum, value, i) => sum + value * b[i]!, 0))),
  );
}

function gramsOf(gram: Float64Array, steps = STEPS): StepGrams {
  const info = {
    modelHash: 'aa',
    sampler: 'ddim',
    timesteps: Array.from({ length: steps }, (_, i) => steps - i),
    guidanceScale: 1,
    images: 1,
    seed: 0,
    createdBy: 'test',
  };
  return new StepGrams(info, new Map([['blocks.0.qkv.input', gram]]));
}

/** The sum of the errors of all steps that are not computed. */
function errorOf(gram: Float64Array, computed: readonly number[]): number {
  let sum = 0;
  for (let step = 0; step < STEPS; step++) {
    if (computed.includes(step)) continue;
    const past = computed
      .filter((earlier) => earlier < step)
      .reverse()
      .slice(0, 2);
    sum += Math.sqrt(fitCoefficients({ gram, step, past }).error * gram[step * STEPS + step]!);
  }
  return sum;
}

function schedulesOf(count: number, first = 1): number[][] {
  if (count === 0) return [[]];
  return Array.from({ length: Math.max(0, STEPS - first) }, (_, i) => first + i).flatMap((step) =>
    schedulesOf(count - 1, step + 1).map((rest) => [step, ...rest]),
  );
}

describe('schedules of grams', () => {
  for (const count of [2, 3, 4, 6])
    test(`of ${count} steps have the least error of all`, () => {
      const gram = gramOf(count);
      const found = scheduleOfGrams(gramsOf(gram), 'calibrate', count);
      assert.equal(found.length, count);
      const most = mostBetween(STEPS, count);
      const all = schedulesOf(count - 1)
        .map((rest) => [0, ...rest])
        .filter((steps) => steps.every((step, i) => i === 0 || step - steps[i - 1]! <= most));
      const least = Math.min(...all.map((steps) => errorOf(gram, steps)));
      assert.ok(Math.abs(errorOf(gram, found) - least) < 1e-9 * least);
    });

  test('of all steps are all of them, and of one step that', () => {
    const all = Array.from({ length: STEPS }, (_, step) => step);
    assert.deepEqual(scheduleOfGrams(gramsOf(gramOf(1)), 'calibrate', STEPS), all);
    assert.deepEqual(scheduleOfGrams(gramsOf(Float64Array.of(1), 1), 'calibrate', 1), [0]);
  });

  test('that there cannot be are refused', () => {
    const grams = gramsOf(gramOf(1));
    assert.throws(
      () => scheduleOfGrams(grams, 'calibrate', STEPS + 1),
      /computed is 10; expected an integer from 2 to 9/,
    );
    assert.throws(() => scheduleOfGrams(grams, 'calibrate', 1), /computed is 1/);
    assert.throws(
      () => scheduleOfGrams(gramsOf(new Float64Array(STEPS * STEPS)), 'calibrate', 3),
      /features that are 0/,
    );
  });
});
