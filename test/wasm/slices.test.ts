/**
 * A run returns to the event loop while it computes. The clock of these tests goes by looks at it: a thread looks before each
 * tile of work, so that the same slices are cut on machines of any speed.
 */
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import type { Device, DeviceTensor, Executable } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import { openWasmDevice, type WasmDevice } from '../../src/backend/wasm/device.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import { Random } from '../support/random.js';
import { bind, blockPlan } from './block.js';

const POISON = 7;
const OPERATIONS = 400;

/** Makes the clock go on by `milliseconds` at every look, beginning with a turn of the event loop. */
async function tick(milliseconds: number): Promise<void> {
  await immediate();
  let time = performance.now();
  const now = () => {
    time += milliseconds;
    return time;
  };
  Object.defineProperty(performance, 'now', { configurable: true, value: now });
}

afterEach(() => Reflect.deleteProperty(performance, 'now'));

async function open(threads: number, weights: 'f32' | 'int8' = 'f32'): Promise<WasmDevice> {
  const device = await openWasmDevice({ threads, weights });
  await device.pool?.ready();
  return device;
}

/** A plan of many operations, each of which leaves its mark. */
async function marks(device: Device): Promise<{ executable: Executable; done: () => Promise<number> }> {
  const b = new PlanBuilder('marks');
  const x = b.input('x', 4, 8);
  for (let i = 0; i < OPERATIONS; i++) b.append({ op: 'silu', x, out: b.output(`mark ${i}`, 4, 8) });
  const plan = b.build();
  const tensors = new Map<string, DeviceTensor>();
  for (const { name } of plan.buffers) {
    tensors.set(name, device.allocate(4, 8));
    await tensors.get(name)!.write(new Float32Array(32).fill(POISON));
  }
  const weights = device.loadWeights({ read: () => new Float32Array() });
  const executable = await device.compile(plan, { weights, tensors });
  const isMarked = async (i: number) => (await tensors.get(`mark ${i}`)!.read())[0] !== POISON;
  return {
    executable,
    done: async () => {
      const marked = await Promise.all(Array.from({ length: OPERATIONS }, (_, i) => isMarked(i)));
      return marked.filter(Boolean).length;
    },
  };
}

for (const weights of ['f32', 'int8'] as const)
  test(`${weights}: slices of a tile or of several give the bits of an uncut run, and the event loop its turns`, async () => {
    for (const threads of [1, 2, 3]) {
      const device = await open(threads, weights);
      const bound = await bind(device, blockPlan());
      const expected = await bound.run();
      for (const milliseconds of [9, 3]) {
        await tick(milliseconds);
        let turns = 0;
        let running = true;
        const counting = (async () => {
          for (; running; turns++) await immediate();
        })();
        assert.deepEqual(await bound.run(), expected);
        running = false;
        await counting;
        // Others may have done the work by the end of the first slice.
        if (threads === 1) assert.ok(turns > 1, `${turns} turns`);
      }
      await device.dispose();
    }
  });

test('a short run is not cut', async () => {
  const device = await open(2);
  const { executable, done } = await marks(device);
  await tick(0);
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  await executable.run();
  assert.equal(turned, false);
  assert.equal(await done(), OPERATIONS);
  await device.dispose();
});

test('a slice whose time is over at the first look does a tile', async () => {
  const device = await open(1);
  const { executable, done } = await marks(device);
  await tick(20);
  const controller = new AbortController();
  const running = executable.run(controller.signal);
  for (let turns = 0; turns < OPERATIONS + 10; turns++) await immediate();
  controller.abort();
  await running;
  assert.equal(await done(), OPERATIONS);
  await device.dispose();
});

for (const [name, openOne] of [
  ['wasm, 1 thread', () => open(1)],
  ['wasm, 2 threads', () => open(2)],
  ['wasm, 3 threads', () => open(3)],
  ['reference', () => openDevice('reference')],
] as const)
  describe(name, () => {
    test('a signal ends a run between two slices, and the device runs on', async () => {
      const device = await openOne();
      const { executable, done } = await marks(device);
      const controller = new AbortController();
      await tick(4);
      const reason = new Error('enough');
      const outcome = assert.rejects(executable.run(controller.signal), reason);
      for (let turns = 0; turns < 8; turns++) await immediate();
      controller.abort(reason);
      await outcome;
      const count = await done();
      assert.ok(count > 0 && count < OPERATIONS / 2, `${count} operations`);
      await executable.run();
      assert.equal(await done(), OPERATIONS);
      await device.dispose();
    });

    test('one that is aborted before its turn never starts', async () => {
      const device = await openOne();
      const [first, second] = [await marks(device), await marks(device)];
      const controller = new AbortController();
      await tick(4);
      const before = first.executable.run();
      const waiting = assert.rejects(second.executable.run(controller.signal), { name: 'AbortError' });
      await immediate();
      controller.abort();
      await Promise.all([before, waiting]);
      assert.equal(await first.done(), OPERATIONS);
      assert.equal(await second.done(), 0);
      await device.dispose();
    });

    test('a device that is disposed waits for the run under way', async () => {
      const device = await openOne();
      const { executable } = await marks(device);
      await tick(4);
      let ended = false;
      const running = executable.run().then(() => {
        ended = true;
      });
      await immediate();
      await immediate();
      assert.equal(ended, false);
      await device.dispose();
      assert.ok(ended);
      await running;
    });
  });

test('what is disposed during a run is kept until it ends', async () => {
  const device = await open(2);
  const empty = device.memoryInUse;
  const expected = await (await bind(device, blockPlan())).run();
  const before = device.memoryInUse;
  const bound = await bind(device, blockPlan());
  await tick(4);
  const running = bound.executable.run();
  await immediate();
  bound.executable.dispose();
  bound.weights.dispose();
  bound.tensors.get('x')!.dispose();
  // Takes memory, and writes to it, while the run needs what was given back.
  const other = await bind(device, blockPlan());
  await running;
  const outputs = blockPlan().buffers.filter(({ role }) => role === 'output');
  const values = await Promise.all(outputs.map(({ name }) => bound.tensors.get(name)!.read()));
  const all = values.flatMap((output) => [...output]);
  assert.deepEqual(new Uint32Array(Float32Array.from(all).buffer), expected);
  assert.deepEqual(await other.run(), expected);
  for (const tensor of bound.tensors.values()) tensor.dispose();
  other.executable.dispose();
  other.weights.dispose();
  for (const tensor of other.tensors.values()) tensor.dispose();
  assert.ok(device.memoryInUse <= before && device.memoryInUse > empty);
  await device.dispose();
});

test('runs at once, of one device and of several, in slices: each gives its bits', async () => {
  const devices = await Promise.all([open(1), open(2), open(3)]);
  const bounds = await Promise.all(
    devices.flatMap((device) => [bind(device, blockPlan()), bind(device, blockPlan())]),
  );
  const expected = await bounds[0]!.run();
  await tick(4);
  for (const bits of await Promise.all(bounds.map((bound) => bound.run()))) assert.deepEqual(bits, expected);
  await Promise.all(devices.map((device) => device.dispose()));
});

test('runs stopped anywhere while the memory grows leave a device that gives the same bits', async () => {
  const random = new Random(3);
  const device = await open(3);
  const bound = await bind(device, blockPlan());
  const expected = await bound.run();
  await tick(2);
  let stopped = 0;
  for (let i = 0; i < 150; i++) {
    const controller = new AbortController();
    const turns = Math.floor(random.uniform() * 20);
    const running = bound.executable.run(controller.signal).catch((error: Error) => {
      assert.equal(error.name, 'AbortError');
      stopped++;
    });
    for (let turn = 0; turn < turns; turn++) await immediate();
    if (i % 10 === 0) device.memory.memory.grow(1);
    controller.abort();
    await running;
    if (i % 5 === 0) assert.deepEqual(await bound.run(), expected);
  }
  assert.ok(stopped > 50, `${stopped} runs were stopped`);
  await device.dispose();
});
