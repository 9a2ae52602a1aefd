/** Scripts that change what they have given while the addon reads it: never a wrong value, never memory that is gone. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDevice } from '../../src/backend/choose.js';
import type { BindingError, BufferHandle } from '../../src/backend/native/binding.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import { serializePlan } from '../../src/plan/file.js';
import type { Plan } from '../../src/plan/types.js';
import { rawBinding, SKIP } from './present.js';

/** y = x W^T, of one row, with W of `side` x `side`. */
function linearPlan(side: number): Plan {
  const b = new PlanBuilder('linear');
  const weight = b.weight('w', side, side);
  b.append({
    op: 'linear',
    x: b.input('x', 1, side),
    weight,
    epilogue: 'none',
    out: b.output('y', 1, side),
  });
  return b.build();
}

/** Large enough that packing it has not ended when the script goes on. */
const SIDE = 1500;

type ResizableConstructor = new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer;
type Resizable = ArrayBuffer & { resize(bytes: number): void };

const resizable = (elements: number): Float32Array =>
  new Float32Array(
    new (ArrayBuffer as unknown as ResizableConstructor)(4 * elements, { maxByteLength: 8 * elements }),
  );

/** Moves the memory of the array away. */
const transfer = ({ buffer }: Float32Array): void => {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
};

describe('addon-getter: arrays that change while they are read', { skip: SKIP }, () => {
  function subject() {
    const binding = rawBinding();
    const device = binding.openDevice(1, 'f32');
    const plan = binding.parsePlan(serializePlan(linearPlan(4)));
    const weights = binding.createWeights(device);
    const buffers = [binding.createBuffer(device, 1, 4, 'f32'), binding.createBuffer(device, 1, 4, 'f32')];
    const names = ['x', 'y'];
    const create = (given: unknown = names, bound: unknown = buffers) =>
      binding.createExecutable(device, plan, weights, given as string[], bound as BufferHandle[]);
    /** Runs `act` when the first element of `array` is read. */
    const onRead = (array: unknown[], act: () => void) => {
      const [first] = array;
      Object.defineProperty(array, 0, {
        get: () => {
          act();
          return first;
        },
      });
    };
    return { binding, names, buffers, create, onRead };
  }

  // Neither list has a weight loaded: what gets as far as that was read without harm.
  const READ = /weight 'w' of 4 x 4 has not been loaded/;

  test('names that grow by 20,000', () => {
    const { names, buffers, create, onRead } = subject();
    onRead(names, () => {
      for (let i = 0; i < 20_000; i++) names.push('x'.repeat(100));
    });
    assert.throws(() => create(names, buffers), READ);
  });

  test('both lists that grow', () => {
    const { names, buffers, create, onRead } = subject();
    onRead(names, () => {
      for (let i = 0; i < 20_000; i++) {
        names.push('more');
        buffers.push(buffers[1]!);
      }
    });
    assert.throws(() => create(), /argument 4 has 20002 values; expected at most 3/);
  });

  test('a list that shrinks', () => {
    const { names, create, onRead } = subject();
    onRead(names, () => {
      names.length = 1;
    });
    assert.throws(() => create(), /name 1 is not a string/);
  });

  test('a buffer that is disposed while the lists are read', () => {
    const { binding, buffers, create, onRead } = subject();
    const [, second] = buffers;
    onRead(buffers, () => binding.destroyBuffer(second!));
    assert.throws(() => create(), /this incache_buffer has been disposed/);
  });

  test('a getter that throws', () => {
    const { names, create, onRead } = subject();
    onRead(names, () => {
      throw new RangeError('mine');
    });
    assert.throws(() => create(), { name: 'RangeError', message: 'mine' });
  });

  test('a proxy is no array', () => {
    const { names, create } = subject();
    assert.throws(() => create(new Proxy(names, {})), /argument 3 is not an array/);
  });
});

describe('weights-transferred: weights that change while they are packed', { skip: SKIP }, () => {
  const changes: [name: string, make: () => Float32Array, change: (values: Float32Array) => void][] = [
    ['overwritten', () => new Float32Array(SIDE * SIDE), (values) => values.fill(Number.NaN)],
    ['transferred', () => new Float32Array(SIDE * SIDE), transfer],
    ['shrunk to nothing', () => resizable(SIDE * SIDE), ({ buffer }) => (buffer as Resizable).resize(0)],
    [
      'shared and overwritten',
      () => new Float32Array(new SharedArrayBuffer(4 * SIDE * SIDE)),
      (values) => values.fill(Number.NaN),
    ],
  ];
  for (const [name, make, change] of changes)
    test(name, async () => {
      const device = await openDevice('native', { threads: 2 });
      let last: Float32Array | undefined;
      const read = () => {
        last = make().fill(2);
        return last;
      };
      const [x, y] = [device.allocate(1, SIDE), device.allocate(1, SIDE)];
      const tensors = new Map([
        ['x', x],
        ['y', y],
      ]);
      const compiling = device.compile(linearPlan(SIDE), { weights: device.loadWeights({ read }), tensors });
      change(last!);
      const executable = await compiling;
      await x.write(new Float32Array(SIDE).fill(0.5));
      await executable.run();
      assert.deepEqual(await y.read(), new Float32Array(SIDE).fill(SIDE));
      await device.dispose();
    });

  test('a tensor written from and read into memory that shrinks is refused', async () => {
    const device = await openDevice('native', { threads: 1 });
    const tensor = device.allocate(2, 3);
    const values = resizable(6);
    await tensor.write(values.fill(3));
    (values.buffer as Resizable).resize(8);
    await assert.rejects(tensor.write(values), /writing 2 elements to a tensor of 2 x 3/);
    assert.deepEqual(await tensor.read(), new Float32Array(6).fill(3));
    await device.dispose();
  });
});

describe('what the addon tells of memory', { skip: SKIP }, () => {
  test('an error that says in numbers what was asked for', () => {
    const binding = rawBinding();
    const device = binding.openDevice(1, 'f32');
    const kept = binding.createBuffer(device, 16, 16, 'f32');
    const error = thrownBy(() => binding.createBuffer(device, 2 ** 30, 2 ** 30, 'f32')) as BindingError;
    const { status, device: name, asked, inUse, limit } = error;
    assert.deepEqual([status, name, asked, inUse, limit], [3, 'cpu', 2 ** 62, 1024, 0]);
    binding.destroyBuffer(kept);
  });

  test('weights that nobody has disposed are collected before they fill the memory', async () => {
    const binding = rawBinding();
    const device = binding.openDevice(1, 'f32');
    const plan = binding.parsePlan(serializePlan(linearPlan(SIDE)));
    const place = linearPlan(SIDE).buffers.findIndex(({ role }) => role === 'weight');
    const values = new Float32Array(SIDE * SIDE);
    const rounds = 100;
    for (let round = 0; round < rounds; round++) {
      const weights = binding.createWeights(device);
      await binding.loadWeight(weights, plan, place, values);
      binding.missingWeight(weights, plan, 0);
    }
    const all = rounds * values.byteLength;
    assert.ok(binding.deviceMemory(device) < all / 2, 'the collector was not told of them');
  });
});

function thrownBy(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
