/** Buffers of 16-bit types: rounding, and what the oracle makes of them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Device } from '../../src/backend/backend.js';
import { roundBf16 } from '../../src/backend/bf16.js';
import { openDevice } from '../../src/backend/choose.js';
import { roundF16 } from '../../src/backend/f16.js';
import { rounding } from '../../src/backend/half.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import { operandsOf } from '../../src/plan/operands.js';
import type { FloatType, OpName, Plan } from '../../src/plan/types.js';
import { relativeL2 } from '../support/compare.js';
import { Random } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { CASES } from './cases.js';
import { HALF_STEP, inHalf } from './half.js';
import { runCase } from './run.js';

test('rounds to the nearest bfloat16, ties to even', () => {
  const ulp = 2 ** -7;
  for (const [value, expected] of [
    [1 + ulp / 2, 1],
    [1 + (3 * ulp) / 2, 1 + 2 * ulp],
    [1 + ulp / 2 + 2 ** -20, 1 + ulp],
    [-1 - ulp / 2, -1],
    [3.39e38, 3.3895313892515355e38],
    [3.4e38, Number.POSITIVE_INFINITY],
    [2 ** -133, 2 ** -133],
    [2 ** -134, 0],
    [-0, -0],
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    [Number.NaN, Number.NaN],
  ] as const)
    assert.ok(Object.is(roundBf16(value), expected), `${value} became ${roundBf16(value)}, not ${expected}`);
});

test('no bfloat16 is nearer than the one it rounds to', () => {
  const float = fc.float({
    noNaN: true,
    noDefaultInfinity: true,
    min: Math.fround(-1e30),
    max: Math.fround(1e30),
  });
  fc.assert(
    fc.property(float, (value) => {
      const rounded = roundBf16(value);
      assert.equal(roundBf16(rounded), rounded, 'it is not a bfloat16');
      // Eight bits of significand, and the least exponent of a float32.
      const ulp = 2 ** Math.max(Math.floor(Math.log2(Math.abs(value) || 2 ** -149)) - 7, -133);
      assert.ok(Math.abs(rounded - value) <= ulp / 2, `${value} became ${rounded}`);
    }),
  );
});

test('rounds to the nearest float16, ties to even', () => {
  const ulp = 2 ** -10;
  for (const [value, expected] of [
    [1 + ulp / 2, 1],
    [1 + (3 * ulp) / 2, 1 + 2 * ulp],
    [1 + ulp / 2 + 2 ** -20, 1 + ulp],
    [-1 - ulp / 2, -1],
    [2 - ulp / 4, 2],
    [65519, 65504],
    [65520, Number.POSITIVE_INFINITY],
    [-1e9, Number.NEGATIVE_INFINITY],
    [2 ** -24, 2 ** -24],
    [-(2 ** -25), -0],
    [3 * 2 ** -25, 2 * 2 ** -24],
    [2 ** -14 - 2 ** -26, 2 ** -14],
    [0, 0],
    [-0, -0],
    [Number.NaN, Number.NaN],
  ] as const)
    assert.ok(Object.is(roundF16(value), expected), `${value} became ${roundF16(value)}, not ${expected}`);
});

test('no float16 is nearer than the one it rounds to', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, min: -65504, max: 65504 }), (value) => {
      const rounded = roundF16(value);
      assert.equal(roundF16(rounded), rounded, 'it is not a float16');
      const ulp = 2 ** Math.max(Math.floor(Math.log2(Math.abs(value) || 2 ** -149)) - 10, -24);
      assert.ok(Math.abs(rounded - value) <= ulp / 2, `${value} became ${rounded}`);
    }),
  );
});

for (const type of ['bf16', 'f16'] as const)
  describe(`${type} buffers on the reference backend`, () => {
    const round = rounding(type)!;
    let device: Device;
    before(async () => {
      device = await openDevice('reference');
    });
    after(() => device.dispose());

    test('a tensor rounds what is written to it', async () => {
      const tensor = device.allocate(1, 3, type);
      const values = new Random(1).normals(3);
      await tensor.write(values);
      assert.equal(tensor.type, type);
      assert.deepEqual(await tensor.read(), values.map(round));
      assert.notDeepEqual(await tensor.read(), values);
      tensor.dispose();
    });

    for (const op of Object.keys(CASES) as OpName[])
      test(`${op} reads them widened and rounds what it writes`, async () => {
        await fc.assert(
          fc.asyncProperty(fc.integer(), async (seed) => {
            const narrow = inHalf(CASES[op](new Random(seed)), type);
            // The same operands in float64: only the results are rounded, and x where an increment is taken.
            const { plan } = narrow;
            const wide = {
              ...narrow,
              plan: {
                ...plan,
                buffers: plan.buffers.map((b) => (b.type === type ? { ...b, type: 'f32' as const } : b)),
              },
            };
            const [actual, expected] = [await runCase(device, narrow), await runCase(device, wide)];
            for (const { name, view } of operandsOf(plan.ops[0]!.op).writes) {
              const buffer = plan.buffers[view.buffer]!.name;
              const finite = (values: Float32Array) => values.filter(Number.isFinite);
              const [got, exact] = [finite(actual.get(buffer)!), finite(expected.get(buffer)!)];
              assert.deepEqual(got, got.map(round), `${name} is not rounded`);
              assert.ok(relativeL2(got, exact) < HALF_STEP[type] / 2, `${name} is not what it is in float64`);
            }
          }),
          { numRuns: 10 },
        );
      });

    const [ROWS, INPUTS, OUTPUTS] = [5, 33, 21];

    /** x in one type, C(x) and C(y) stored in another by a linear with GELU, then the same linear calibrated. */
    function storeThenCalibrate(x: FloatType, cache: FloatType): Plan {
      const b = new PlanBuilder('store, then calibrate');
      const given = b.input('x', ROWS, INPUTS);
      const zero = b.input('zero', 1, INPUTS);
      const copies = [b.temporary(ROWS, INPUTS, x), b.state('C(x)', ROWS, INPUTS, cache)] as const;
      for (const out of copies) b.append({ op: 'add', x: given, y: zero, out });
      const store = b.state('C(y)', ROWS, OUTPUTS, cache);
      b.append({
        op: 'linear',
        x: copies[1],
        weight: b.weight('weight', OUTPUTS, INPUTS),
        store,
        epilogue: 'gelu',
        out: b.output('stored', ROWS, OUTPUTS),
      });
      b.append({
        op: 'calibratedLinear',
        x: copies[0],
        cachedInput: copies[1],
        cachedOutput: store,
        factors: [{ down: b.weight('down', 4, INPUTS), up: b.weight('up', OUTPUTS, 4) }],
        epilogue: 'gelu',
        out: b.output('calibrated', ROWS, OUTPUTS),
      });
      return b.build();
    }

    for (const x of ['f32', type] as const)
      test(`x in ${x} that has not changed gives what was stored, after its epilogue too`, async () => {
        const outputs = async (cache: FloatType) => {
          const random = new Random(5);
          const plan = storeThenCalibrate(x, cache);
          const values = new Map(
            plan.buffers.map(({ name, rows, columns }) => [name, random.normals(rows * columns)] as const),
          );
          values.set('zero', new Float32Array(INPUTS));
          return runPlanOn(plan, values);
        };
        const { stored, calibrated } = await outputs(type);
        assert.deepEqual(calibrated, stored);
        assert.notDeepEqual(stored, (await outputs('f32')).stored, 'the epilogue took what was not rounded');
      });

    async function runPlanOn(plan: Plan, values: ReadonlyMap<string, Float32Array>) {
      const outputs = await runPlan(
        device,
        plan,
        { read: (name) => values.get(name)! },
        Object.fromEntries(values),
      );
      return { stored: outputs.get('stored')!, calibrated: outputs.get('calibrated')! };
    }
  });
