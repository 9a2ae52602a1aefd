/** What must not change a bit: the number of threads, the rows of the micro-kernel, running again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWasmDevice } from '../../src/backend/wasm/device.js';
import { bind, blockPlan } from './block.js';

for (const weights of ['f32', 'int8'] as const)
  test(`${weights}: one, two and three threads give the same bits, run after run`, async () => {
    const one = await openWasmDevice({ threads: 1, weights });
    const expected = await (await bind(one, blockPlan())).run();
    await one.dispose();
    assert.ok(new Float32Array(expected.buffer).every(Number.isFinite));
    for (const threads of [2, 3]) {
      const device = await openWasmDevice({ threads, weights });
      await device.pool!.ready();
      assert.equal(device.pool!.joined, threads - 1);
      const bound = await bind(device, blockPlan());
      for (let run = 0; run < 20; run++) assert.deepEqual(await bound.run(), expected);
      await device.dispose();
    }
  });

test('strips of 4, 5 and 6 rows give the same bits', async () => {
  const results: Uint32Array[] = [];
  for (const strip of [4, 5, 6]) {
    const device = await openWasmDevice({ threads: 1 }, { strip });
    results.push(await (await bind(device, blockPlan())).run());
    await device.dispose();
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

test('the shared build gives the bits of the unshared one', async () => {
  const results: Uint32Array[] = [];
  for (const shared of [false, true]) {
    const features = { simd: true, relaxed: false, shared };
    const device = await openWasmDevice({ threads: 2 }, { features });
    assert.equal(device.threads, shared ? 2 : 1);
    results.push(await (await bind(device, blockPlan())).run());
    await device.dispose();
  }
  assert.deepEqual(results[1], results[0]);
});
