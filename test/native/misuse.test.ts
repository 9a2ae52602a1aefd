/** Values and objects that cannot be used are refused with a sentence by the backend. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Device } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';
import { detach } from '../support/detach.js';
import { bind, blockPlan } from '../wasm/block.js';
import { linearPlan } from './linearPlan.js';
import { SKIP } from './present.js';

const open = (threads: number) => openDevice('native', { threads });

describe('misuse of the native backend', { skip: SKIP }, () => {
  test('disposed things', async () => {
    const device = await open(2);
    const plan = blockPlan();
    const a = await bind(device, plan);
    a.tensors.get('x')!.dispose();
    await assert.rejects(a.tensors.get('x')!.read(), /tensor of 154 x 70 has been disposed/);
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
    await assert.rejects(d.tensors.get('x')!.write(new Float32Array(1)), /device has been disposed/);
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
      await tensor.write(right.of(1, 2, 3, 4, 5, 6));
      const refuse = async (data: Float32Array | Int32Array, message: RegExp) => {
        await assert.rejects(tensor.write(data), { message });
        assert.deepEqual(
          await tensor.read(),
          right.of(1, 2, 3, 4, 5, 6),
          'what was refused has been written',
        );
      };
      await refuse(
        new wrong(6),
        new RegExp(`data is '${wrong.name}'; expected an? ${right.name} for a tensor of ${type}`),
      );
      await refuse(new right(5), /writing 5 elements to a tensor of 2 x 3/);
      await refuse(new right(7), /writing 7 elements to a tensor of 2 x 3/);
      await refuse(detach(new right(6)), /writing 0 elements to a tensor of 2 x 3/);
      if (type !== 'i32')
        await refuse(
          new Float64Array(6) as unknown as Float32Array,
          /neither a Float32Array nor an Int32Array/,
        );
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
    await tensor.write(shared);
    assert.deepEqual(await tensor.read(), new Float32Array(6).fill(3));
    await device.dispose();
  });

  test('more memory than there is', async () => {
    const device = await open(1);
    assert.throws(() => device.allocate(2 ** 30, 2 ** 30), {
      name: 'OutOfMemoryError',
      message: /^the native backend is out of memory: asked for \d+ TiB with 0 B in use of at most /,
    });
    assert.equal(device.memoryInUse, 0);
    assert.equal((await device.allocate(1, 1).read()).length, 1);
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
    await assert.rejects(compile(Array(24).fill(0)), /not a Float32Array, nor a Uint16Array/);
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
        await bound.tensors.get('index')!.write(Int32Array.of(0, 9, bad, 2));
        await assert.rejects(bound.executable.run(), {
          name: 'IncacheError',
          message: `gatherRows of embedder: index 2 is ${bad}; expected one from 0 to 9`,
        });
      }
      await bound.tensors.get('index')!.write(Int32Array.of(0, 9, 5, 2));
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
      await bound.tensors.get('lengths')!.write(Int32Array.of(1, bad));
      await assert.rejects(bound.executable.run(), {
        name: 'IncacheError',
        message: `attention of blocks.3: key length 1 is ${bad}; expected one from 1 to 5`,
      });
    }
    await bound.tensors.get('lengths')!.write(Int32Array.of(1, 5));
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
