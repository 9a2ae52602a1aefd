/** Values and objects that cannot be used are refused with a sentence, by the backend and by the addon alone. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Device } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import type { Binding } from '../../src/backend/native/binding.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import { serializePlan } from '../../src/plan/file.js';
import type { Plan } from '../../src/plan/types.js';
import { bind, blockPlan } from '../wasm/block.js';
import { rawBinding, SKIP } from './present.js';

const open = (threads: number) => openDevice('native', { threads });

/** y = x W^T, with W of 4 x 6. */
function linearPlan(): Plan {
  const b = new PlanBuilder('linear');
  const weight = b.weight('w', 4, 6);
  b.append({ op: 'linear', x: b.input('x', 5, 6), weight, epilogue: 'none', out: b.output('y', 5, 4) });
  return b.build();
}

/** Moves the memory of the array away, as `postMessage` with a transfer list does. */
function detach<T extends Float32Array | Int32Array>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

describe('misuse of the native backend', { skip: SKIP }, () => {
  test('disposed things', async () => {
    const device = await open(2);
    const plan = blockPlan();
    const a = await bind(device, plan);
    a.tensors.get('x')!.dispose();
    assert.throws(() => a.tensors.get('x')!.read(), /tensor of 154 x 70 has been disposed/);
    await assert.rejects(a.executable.run(), /tensor of 154 x 70 has been disposed/);
    await assert.rejects(device.compile(plan, a), /tensor of 154 x 70 has been disposed/);
    const b = await bind(device, plan);
    b.weights.dispose();
    assert.equal(b.weights.bytes, 0);
    await assert.rejects(b.executable.run(), /weights have been disposed/);
    await assert.rejects(device.compile(plan, b), /weights have been disposed/);
    const c = await bind(device, plan);
    c.executable.dispose();
    c.executable.dispose();
    await assert.rejects(c.executable.run(), /plan 'block' has been disposed/);
    const d = await bind(device, plan);
    await device.dispose();
    assert.equal(device.memoryInUse, 0);
    await assert.rejects(d.executable.run(), /device has been disposed/);
    await assert.rejects(device.compile(plan, d), /device has been disposed/);
    assert.throws(() => d.tensors.get('x')!.write(new Float32Array(1)), /device has been disposed/);
    assert.throws(() => device.allocate(1, 1), /device has been disposed/);
    assert.throws(() => device.loadWeights({ read: () => new Float32Array() }), /device has been disposed/);
  });

  test('disposing twice, and while runs are under way, is harmless', async () => {
    const device = await open(2);
    const bound = await bind(device, blockPlan());
    // The first has started when the device closes; the others still wait for their turn.
    const running = Array.from({ length: 4 }, () => bound.executable.run());
    const outcomes = Promise.allSettled(running);
    await new Promise((resolve) => setImmediate(resolve));
    for (const disposable of [bound.executable, bound.weights, ...bound.tensors.values()])
      disposable.dispose();
    await Promise.all([device.dispose(), device.dispose()]);
    for (const outcome of (await outcomes).slice(1)) {
      assert.equal(outcome.status, 'rejected');
      assert.match(String(outcome.reason), /has been disposed/);
    }
    await device.dispose();
  });

  test('disposing while weights are packed', async () => {
    const device = await open(2);
    const weights = device.loadWeights({ read: () => new Float32Array(24) });
    const tensors = new Map([
      ['x', device.allocate(5, 6)],
      ['y', device.allocate(5, 4)],
    ]);
    const refused = assert.rejects(
      device.compile(linearPlan(), { weights, tensors }),
      /weights have been disposed/,
    );
    weights.dispose();
    await refused;
    await device.dispose();
  });

  test("another device's things", async () => {
    const [one, other] = [await open(1), await open(1)];
    const foreign = await bind(other, blockPlan());
    const { weights, tensors } = await bind(one, blockPlan());
    const compile = (bindings: Parameters<Device['compile']>[1]) => one.compile(blockPlan(), bindings);
    await assert.rejects(compile({ weights: foreign.weights, tensors }), /weights were not loaded/);
    const mixed = new Map([...tensors, ['x', foreign.tensors.get('x')!]]);
    await assert.rejects(compile({ weights, tensors: mixed }), /'x' was not allocated by this/);
    const wasm = await openDevice('wasm', { threads: 1 });
    const strange = new Map([...tensors, ['x', wasm.allocate(154, 70)]]);
    await assert.rejects(compile({ weights, tensors: strange }), /'x' was not allocated by this/);
    for (const device of [one, other, wasm]) await device.dispose();
  });

  test('arrays of another size, kind or owner', async () => {
    const device = await open(1);
    for (const [type, right, wrong] of [
      ['f32', Float32Array, Int32Array],
      ['bf16', Float32Array, Int32Array],
      ['i32', Int32Array, Float32Array],
    ] as const) {
      const tensor = device.allocate(2, 3, type);
      tensor.write(right.of(1, 2, 3, 4, 5, 6));
      const refuse = (data: Float32Array | Int32Array, message: RegExp) => {
        assert.throws(() => tensor.write(data), { message });
        assert.deepEqual(tensor.read(), right.of(1, 2, 3, 4, 5, 6), 'what was refused has been written');
      };
      refuse(
        new wrong(6),
        new RegExp(`data is '${wrong.name}'; expected an? ${right.name} for a tensor of ${type}`),
      );
      refuse(new right(5), /writing 5 elements to a tensor of 2 x 3/);
      refuse(new right(7), /writing 7 elements to a tensor of 2 x 3/);
      refuse(detach(new right(6)), /writing 0 elements to a tensor of 2 x 3/);
      if (type !== 'i32')
        refuse(new Float64Array(6) as unknown as Float32Array, /neither a Float32Array nor an Int32Array/);
    }
    for (const [rows, columns] of [
      [0, 1],
      [1, -1],
      [1.5, 1],
      [Number.NaN, 1],
      [2 ** 31, 1],
    ] as const)
      assert.throws(() => device.allocate(rows, columns), { name: /Error$/, message: /; expected / });
    for (const type of ['f64' as 'f32', 'f16'] as const)
      assert.throws(
        () => device.allocate(2, 3, type),
        new RegExp(`type is '${type}'; expected one of f32, bf16, e4m3, i32`),
      );
    await device.dispose();
  });

  test('memory shared between threads is read and written as any other', async () => {
    const device = await open(1);
    const shared = new Float32Array(new SharedArrayBuffer(24)).fill(3);
    const tensor = device.allocate(2, 3);
    tensor.write(shared);
    assert.deepEqual(tensor.read(), new Float32Array(6).fill(3));
    await device.dispose();
  });

  test('more memory than there is', async () => {
    const device = await open(1);
    assert.throws(() => device.allocate(2 ** 30, 2 ** 30), {
      name: 'OutOfMemoryError',
      message: /^the native backend is out of memory: asked for \d+ TiB with 0 B in use of at most /,
    });
    assert.equal(device.memoryInUse, 0);
    assert.equal(device.allocate(1, 1).read().length, 1);
    await device.dispose();
  });

  test('weights that are no numbers, of another size, or gone', async () => {
    const device = await open(2);
    const tensors = new Map([
      ['x', device.allocate(5, 6)],
      ['y', device.allocate(5, 4)],
    ]);
    const compile = (values: unknown) => {
      const weights = device.loadWeights({ read: () => values as Float32Array });
      return device.compile(linearPlan(), { weights, tensors });
    };
    const inUse = device.memoryInUse;
    for (const [value, text] of [
      [Number.NaN, 'NaN'],
      [Number.POSITIVE_INFINITY, 'Infinity'],
      [Number.NEGATIVE_INFINITY, '-Infinity'],
    ] as const)
      for (const element of [0, 13, 23])
        await assert.rejects(compile(new Float32Array(24).fill(value, element)), {
          name: 'IncacheError',
          message: `weight 'w' holds ${text} at element ${element}; expected finite numbers`,
        });
    for (const length of [23, 25])
      await assert.rejects(compile(new Float32Array(length)), {
        name: 'IncacheError',
        message: `weight 'w' has ${length} values; the plan expects 4 x 6`,
      });
    await assert.rejects(compile(detach(new Float32Array(24))), /'w' has 0 values; the plan expects 4 x 6/);
    await assert.rejects(compile(new Int32Array(24)), { name: 'IncacheError' });
    await assert.rejects(compile(Array(24).fill(0)), /neither a Float32Array nor an Int32Array/);
    assert.equal(device.memoryInUse, inUse, 'what failed has taken something');
    await compile(new Float32Array(24));
    await device.dispose();
  });

  test('a row that the table does not have', async () => {
    for (const threads of [1, 2]) {
      const device = await open(threads);
      const b = new PlanBuilder('gather');
      const table = b.input('table', 10, 3);
      const index = b.input('index', 4, 1, 'i32');
      b.layer('embedder');
      b.append({ op: 'gatherRows', table, index, out: b.output('out', 4, 3) });
      const bound = await bindIntegers(device, b.build());
      for (const bad of [-1, 10, -(2 ** 31), 2 ** 31 - 1]) {
        bound.tensors.get('index')!.write(Int32Array.of(0, 9, bad, 2));
        await assert.rejects(bound.executable.run(), {
          name: 'IncacheError',
          message: `gatherRows of embedder: index 2 is ${bad}; expected one from 0 to 9`,
        });
      }
      bound.tensors.get('index')!.write(Int32Array.of(0, 9, 5, 2));
      await bound.executable.run();
      await device.dispose();
    }
  });

  test('a key length that is none', async () => {
    const device = await open(2);
    const b = new PlanBuilder('attention');
    const [q, k] = [b.input('q', 6, 8), b.input('k', 10, 8)];
    const keyLengths = b.input('lengths', 2, 1, 'i32');
    const out = b.output('out', 6, 8);
    b.layer('blocks.3');
    const shape = { heads: 2, queryLength: 3, keyLength: 5, scale: 0.5 };
    b.append({ op: 'attention', q, k, v: k, ...shape, keyLengths, out });
    const bound = await bindIntegers(device, b.build());
    for (const bad of [0, 6, -3, 2 ** 31 - 1]) {
      bound.tensors.get('lengths')!.write(Int32Array.of(1, bad));
      await assert.rejects(bound.executable.run(), {
        name: 'IncacheError',
        message: `attention of blocks.3: key length 1 is ${bad}; expected one from 1 to 5`,
      });
    }
    bound.tensors.get('lengths')!.write(Int32Array.of(1, 5));
    await bound.executable.run();
    await device.dispose();
  });

  test('options', async () => {
    const refuse = (options: object, message: RegExp) =>
      assert.rejects(openDevice('native', options), { name: 'ArgumentError', message });
    await refuse({ threads: 0 }, /^threads is 0; expected an integer from 1 to 1024$/);
    await refuse({ threads: 5000 }, /^threads is 5000; expected an integer from 1 to 1024$/);
    await refuse({ threads: 1.5 }, /^threads is 1.5;/);
    await refuse({ weights: 'int8' }, /^weights is 'int8'; expected one of f32, bf16$/);
    await refuse({ weights: 'f16' }, /^weights is 'f16'; expected one of f32, bf16$/);
    await refuse({ weights: 'int4' }, /^weights is 'int4'; expected one of f32, bf16$/);
  });
});

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
      ['loadWeight', [weights, plan, 0, undefined], /argument 3 is neither/],
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
    const load = (where: number, values: Float32Array | Int32Array) =>
      b.loadWeight(weights, plan, where, values as Float32Array);
    await assert.rejects(load(99, new Float32Array(24)), /place is 99; the plan has 3 buffers/);
    await assert.rejects(
      load(place, new Float32Array(23)),
      /weight 'w' has 23 values; the plan expects 4 x 6/,
    );
    await assert.rejects(load(place, new Int32Array(24)), /type is 1; expected/);
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

/** As `bind`, with integers of zero where the plan wants integers. */
async function bindIntegers(device: Device, plan: Plan) {
  const tensors = new Map(
    plan.buffers.map(
      ({ name, rows, columns, type }) => [name, device.allocate(rows, columns, type)] as const,
    ),
  );
  const weights = device.loadWeights({ read: () => new Float32Array() });
  return { tensors, executable: await device.compile(plan, { weights, tensors }) };
}
