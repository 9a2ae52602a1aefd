/** Values and objects that cannot be used are refused with a sentence, never answered with garbage. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { turn } from '../../src/backend/eventLoop.js';
import { openWasmDevice } from '../../src/backend/wasm/device.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import { bind, blockPlan } from './block.js';

test('disposed things', async () => {
  const device = await openWasmDevice({ threads: 1 });
  const plan = blockPlan();
  const a = await bind(device, plan);
  a.tensors.get('x')!.dispose();
  await assert.rejects(a.tensors.get('x')!.read(), /tensor of 154 x 70 has been disposed/);
  await assert.rejects(a.executable.run(), /tensor of 154 x 70 has been disposed/);
  const b = await bind(device, plan);
  b.weights.dispose();
  await assert.rejects(b.executable.run(), /weights have been disposed/);
  await assert.rejects(device.compile(plan, b), /weights have been disposed/);
  const c = await bind(device, plan);
  c.executable.dispose();
  await assert.rejects(c.executable.run(), /plan 'block' has been disposed/);
  const d = await bind(device, plan);
  await device.dispose();
  await assert.rejects(d.executable.run(), /device has been disposed/);
  await assert.rejects(d.tensors.get('x')!.write(new Float32Array(1)), /device has been disposed/);
  assert.throws(() => device.allocate(1, 1), /device has been disposed/);
  assert.throws(() => device.loadWeights({ read: () => new Float32Array() }), /device has been disposed/);
});

test('disposing twice, and while a run is under way, is harmless', async () => {
  const device = await openWasmDevice({ threads: 2 });
  const bound = await bind(device, blockPlan());
  // A slice that begins here, so that the first run begins at once.
  await turn();
  const [running, waiting] = [bound.executable.run(), bound.executable.run()];
  const reading = bound.tensors.get('x')!.read();
  const disposing = device.dispose();
  await running;
  await assert.rejects(waiting, /device has been disposed/);
  await assert.rejects(reading, /device has been disposed/);
  await disposing;
  await device.dispose();
});

test("another device's things", async () => {
  const [one, other] = [await openWasmDevice({ threads: 1 }), await openWasmDevice({ threads: 1 })];
  const foreign = await bind(other, blockPlan());
  const own = await bind(one, blockPlan());
  const { weights, tensors } = own;
  await assert.rejects(
    one.compile(blockPlan(), { weights: foreign.weights, tensors }),
    /weights were not loaded/,
  );
  const mixed = new Map([...tensors, ['x', foreign.tensors.get('x')!]]);
  await assert.rejects(
    one.compile(blockPlan(), { weights, tensors: mixed }),
    /'x' was not allocated by this/,
  );
  await one.dispose();
  await other.dispose();
});

test('a row that the table does not have', async () => {
  for (const threads of [1, 2]) {
    const device = await openWasmDevice({ threads });
    const b = new PlanBuilder('gather');
    const table = b.input('table', 10, 3);
    const index = b.input('index', 4, 1, 'i32');
    b.layer('embedder');
    b.append({ op: 'gatherRows', table, index, out: b.output('out', 4, 3) });
    const bound = await bind(device, b.build());
    for (const bad of [-1, 10, -(2 ** 31), 2 ** 31 - 1]) {
      await bound.tensors.get('index')!.write(Int32Array.of(0, 9, bad, 2));
      await assert.rejects(bound.executable.run(), {
        name: 'IncacheError',
        message: `gatherRows of embedder: index 2 is ${bad}; expected a row from 0 to 9`,
      });
    }
    await bound.tensors.get('index')!.write(Int32Array.of(0, 9, 5, 2));
    await bound.executable.run();
    await device.dispose();
  }
});

test('a key length that is none', async () => {
  const device = await openWasmDevice({ threads: 2 });
  const b = new PlanBuilder('attention');
  const [q, k] = [b.input('q', 6, 8), b.input('k', 10, 8)];
  const keyLengths = b.input('lengths', 2, 1, 'i32');
  const out = b.output('out', 6, 8);
  b.append({
    op: 'attention',
    q,
    k,
    v: k,
    heads: 2,
    queryLength: 3,
    keyLength: 5,
    scale: 0.5,
    keyLengths,
    out,
  });
  const bound = await bind(device, b.build());
  for (const bad of [0, 6, -3]) {
    await bound.tensors.get('lengths')!.write(Int32Array.of(1, bad));
    await assert.rejects(bound.executable.run(), /key length 1 is -?\d; expected one from 1 to 5/);
  }
  await device.dispose();
});

for (const type of ['bf16', 'f16'] as const)
  test(`${type}, which the backend does not have`, async () => {
    const device = await openWasmDevice({ threads: 1 });
    assert.equal(device.activations, 'f32');
    assert.throws(
      () => device.allocate(2, 3, type),
      new RegExp(`type is '${type}'; expected one of f32, i32`),
    );
    const b = new PlanBuilder('narrow');
    const hidden = b.temporary(2, 3, type);
    b.append({ op: 'silu', x: b.input('x', 2, 3), out: hidden });
    b.append({ op: 'silu', x: hidden, out: b.output('y', 2, 3) });
    await assert.rejects(bind(device, b.build()), {
      name: 'IncacheError',
      message: `buffer 't1' of plan 'narrow' is ${type}; the wasm backend has only f32 and i32`,
    });
    await device.dispose();
  });

test('options', async () => {
  await assert.rejects(openWasmDevice({ threads: 0 }), /threads is 0/);
  await assert.rejects(openWasmDevice({ threads: 256 }), /threads is 256/);
  await assert.rejects(openWasmDevice({ weights: 'int4' as 'int8' }), /weights is 'int4'/);
});
