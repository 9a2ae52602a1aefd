/** Values and objects that cannot be used are refused with a sentence by the addon alone, without the backend's own checks. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Binding } from '../../src/backend/native/binding.js';
import { serializePlan } from '../../src/plan/file.js';
import { detach } from '../support/detach.js';
import { linearPlan } from './linearPlan.js';
import { rawBinding, SKIP } from './present.js';

describe('the addon alone', { skip: SKIP }, () => {
  test('says which argument is wrong', () => {
    const b = rawBinding() as unknown as Record<string, (...args: unknown[]) => unknown>;
    const device = b.openDevice!(1, 'f32');
    const buffer = b.createBuffer!(device, 2, 3, 'f32');
    const weights = b.createWeights!(device);
    const plan = b.parsePlan!(serializePlan(linearPlan()));
    const other = b.openDevice!(1, 'f32');
    const disposed = b.createBuffer!(device, 5, 6, 'f32');
    b.destroyBuffer!(disposed);
    b.destroyBuffer!(disposed);
    const cases: [name: string, args: unknown[], message: RegExp][] = [
      ['openDevice', [], /argument 0 is not a count/],
      ['openDevice', ['1', 'f32'], /argument 0 is not a count/],
      ['openDevice', [5000, 'f32'], /threads is 5000; expected at most 1024/],
      ['openDevice', [2 ** 40, 'f32'], /threads is 4294967295; expected at most 1024/],
      ['openDevice', [1], /argument 1 is not a string/],
      ['openDevice', [1, 'f64'], /argument 1 is 'f64'; expected f32, i32, bf16, f16 or e4m3/],
      ['openDevice', [1, 'i32'], /weights is 1; expected INCACHE_F32 or INCACHE_BF16/],
      ['deviceMemory', [buffer], /argument 0 is not an incache_device/],
      ['deviceMemory', [{}], /argument 0 is not an incache_device/],
      ['devicePeak', [device, 'i32', 1], /type is 1; expected/],
      ['createBuffer', [device, -1, 3, 'f32'], /argument 1 is not a count/],
      ['createBuffer', [device, 0, 3, 'f32'], /the buffer is 0 x 3; expected sides from 1 to 2\^30/],
      ['createBuffer', [device, Number.NaN, 3, 'f32'], /argument 1 is not a count/],
      ['writeBuffer', [device, new Float32Array(6)], /argument 0 is not an incache_buffer/],
      ['writeBuffer', [buffer, [1, 2, 3, 4, 5, 6]], /argument 1 is neither a Float32Array nor an Int32Array/],
      ['writeBuffer', [buffer, new Float32Array(5)], /elements is 5; expected 6/],
      ['writeBuffer', [buffer, new Int32Array(6)], /type is 1; expected 0/],
      ['readBuffer', [buffer, new Float64Array(6)], /argument 1 is neither/],
      ['readBuffer', [buffer, new Float32Array(7)], /elements is 7; expected 6/],
      ['readBuffer', [disposed, new Float32Array(30)], /this incache_buffer has been disposed/],
      ['parsePlan', [12], /argument 0 is not a string/],
      ['parsePlan', ['{'], /.+/],
      ['createWeights', [weights], /argument 0 is not an incache_device/],
      ['missingWeight', [weights, weights, 0], /argument 1 is not an incache_plan/],
      ['loadWeight', [weights, plan, 0, undefined], /argument 3 is not a Float32Array, nor a Uint16Array/],
      ['loadWeight', [weights, plan, 0, new Int32Array(24)], /argument 3 is not a Float32Array/],
      ['loadWeight', [weights, plan, 0, new Uint16Array(24)], /argument 3 is not a Float32Array/],
      ['loadWeight', [weights, plan, 0, new Float32Array(24), 'f16'], /argument 3 is not a Float32Array/],
      ['loadWeight', [weights, plan, 0, new Uint16Array(24), 'e4m3'], /argument 3 is not a Float32Array/],
      ['loadWeight', [weights, plan, -1, new Float32Array(24)], /argument 2 is not a count/],
      ['releaseWeights', [weights, 7], /argument 1 is not a string/],
      ['createExecutable', [device, plan, weights], /argument 3 is not an array/],
      ['createExecutable', [device, plan, weights, ['x'], [weights]], /buffer 0 is not an incache_buffer/],
      [
        'createExecutable',
        [device, plan, weights, ['x'], []],
        /1 names and 0 buffers; expected as many of both/,
      ],
      ['createExecutable', [device, plan, weights, [3], [buffer]], /name 0 is not a string/],
      ['createExecutable', [device, plan, weights, ['x'], [disposed]], /incache_buffer has been disposed/],
      ['createExecutable', [other, plan, weights, [], []], /the weights belong to another device/],
      ['createExecutable', [device, plan, weights, [], []], /.+/],
      // A list that no memory would hold.
      [
        'createExecutable',
        [device, plan, weights, Object.assign([], { length: 2 ** 32 - 1 }), []],
        /argument 3 has 4294967295 values; expected at most 3/,
      ],
      ['runExecutable', [plan], /argument 0 is not an incache_executable/],
      ['runExecutable', [undefined], /argument 0 is not an incache_executable/],
    ];
    for (const [name, args, message] of cases)
      assert.throws(() => b[name]!(...args), { name: 'Error', message }, name);
  });

  test('refuses work that cannot be done with a rejection', async () => {
    const b = rawBinding();
    const device = b.openDevice(2, 'f32');
    const weights = b.createWeights(device);
    const plan = b.parsePlan(serializePlan(linearPlan()));
    const place = linearPlan().buffers.findIndex(({ role }) => role === 'weight');
    const load = (where: number, values: Float32Array) => b.loadWeight(weights, plan, where, values);
    await assert.rejects(
      load(99, new Float32Array(24)),
      /place is 99; expected one below 3, the number of buffers/,
    );
    await assert.rejects(
      load(place, new Float32Array(23)),
      /weight 'w' has 23 values; the plan expects 4 x 6/,
    );
    await assert.rejects(load(place, detach(new Float32Array(24))), /data is null|'w' has 0 values/);
    // What the work uses may be disposed before it starts.
    const loading = load(place, new Float32Array(24).fill(1));
    b.destroyPlan(plan);
    b.destroyWeights(weights);
    b.closeDevice(device);
    await loading;
  });

  test('whatever it is called with, it answers or throws an Error', async () => {
    const b = rawBinding();
    const functions = Object.entries(b).filter(
      // Rounds beyond count would keep this thread for years, as asked.
      ([name, value]) => typeof value === 'function' && name !== 'devicePeak',
    ) as [string, (...args: unknown[]) => unknown][];
    assert.ok(functions.length >= 20);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(), fc.array(fc.nat(), { maxLength: 6 })), { minLength: 40, maxLength: 40 }),
        async (calls) => {
          const values = goodAndBad(b);
          for (const [which, places] of calls) {
            const [name, call] = functions[which % functions.length]!;
            const args = places.map((place) => values[place % values.length]);
            try {
              await call(...args);
            } catch (error) {
              assert.ok(error instanceof Error && error.message.length > 0, `${name} threw ${String(error)}`);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

/** Handles of every kind, alive and disposed, and values that no function expects. */
function goodAndBad(b: Binding): unknown[] {
  const device = b.openDevice(1, 'f32');
  const weights = b.createWeights(device);
  const plan = b.parsePlan(serializePlan(linearPlan()));
  const buffers = [b.createBuffer(device, 5, 6, 'f32'), b.createBuffer(device, 5, 4, 'f32')];
  const disposed = b.createBuffer(device, 1, 1, 'bf16');
  b.destroyBuffer(disposed);
  return [
    ...[device, device, weights, weights, plan, plan, ...buffers, disposed],
    ...[undefined, null, true, 0, 1, 2, -1, 1.5, Number.NaN, 2 ** 40, 7n, Symbol('s'), () => 1],
    ...['', 'f32', 'bf16', 'x', '{}', serializePlan(linearPlan())],
    ...[[], ['x', 'y'], buffers, [undefined], {}, new Proxy({}, {}), new ArrayBuffer(8)],
    ...[
      new Float32Array(30),
      new Float32Array(24),
      new Int32Array(20),
      new Float64Array(30),
      new DataView(new ArrayBuffer(8)),
    ],
    detach(new Float32Array(30)),
  ];
}
