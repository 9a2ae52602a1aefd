import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWasmDevice } from '../../src/backend/wasm/device.js';
import { OutOfMemoryError } from '../../src/errors.js';
import { bind, blockPlan } from './block.js';

test('out of memory says what was asked for, and leaves the device usable', async () => {
  for (const threads of [1, 2]) {
    const device = await openWasmDevice({ threads }, { maximumPages: 160 });
    const small = device.allocate(10, 10);
    const inUse = device.memoryInUse;
    assert.throws(
      () => device.allocate(1000, 10_000),
      (error: unknown) => {
        assert.ok(error instanceof OutOfMemoryError);
        assert.equal(error.asked, 40_000_000);
        assert.match(error.message, /asked for 38 MiB with .* in use of at most 10 MiB/);
        return true;
      },
    );
    assert.equal(device.memoryInUse, inUse);
    await small.write(new Float32Array(100).fill(3));
    assert.equal((await small.read())[99], 3);
    assert.ok((await (await bind(device, blockPlan())).run()).length > 0);
    await device.dispose();
  }
});

test('a plan that does not fit gives back what it took', async () => {
  const device = await openWasmDevice({ threads: 1 }, { maximumPages: 50 });
  const bound = await bind(device, blockPlan());
  await assert.rejects(async () => {
    while (true) await device.compile(blockPlan(), bound);
  }, OutOfMemoryError);
  const inUse = device.memoryInUse;
  for (let i = 0; i < 3; i++) await assert.rejects(device.compile(blockPlan(), bound), OutOfMemoryError);
  assert.equal(device.memoryInUse, inUse);
  await device.dispose();
});

test('tensors, plans and other threads survive growth', async () => {
  const device = await openWasmDevice({ threads: 2 });
  await device.pool!.ready();
  const bound = await bind(device, blockPlan());
  const expected = await bound.run();
  const large = device.allocate(4096, 4096);
  await large.write(new Float32Array(4096 * 4096).fill(1));
  assert.deepEqual(await bound.run(), expected);
  assert.deepEqual(await (await bind(device, blockPlan())).run(), expected, 'buffers in the new part');
  await device.dispose();
});

test('what is disposed is used again', async () => {
  const device = await openWasmDevice({ threads: 1 });
  const before = device.memoryInUse;
  for (let i = 0; i < 3; i++) {
    const { executable, weights, tensors, run } = await bind(device, blockPlan());
    await run();
    executable.dispose();
    weights.dispose();
    for (const tensor of tensors.values()) tensor.dispose();
  }
  const scratch = device.memoryInUse - before;
  const pages = device.memory.memory.buffer.byteLength;
  for (let i = 0; i < 20; i++) {
    const { executable, weights, tensors } = await bind(device, blockPlan());
    executable.dispose();
    weights.dispose();
    for (const tensor of tensors.values()) tensor.dispose();
  }
  assert.equal(device.memoryInUse - before, scratch);
  assert.equal(device.memory.memory.buffer.byteLength, pages);
  await device.dispose();
});

test('a new tensor is zeros, also where another lay', async () => {
  const device = await openWasmDevice({ threads: 1 });
  const first = device.allocate(3, 5);
  await first.write(new Float32Array(15).fill(9));
  first.dispose();
  assert.deepEqual(await device.allocate(3, 5).read(), new Float32Array(15));
  await device.dispose();
});
