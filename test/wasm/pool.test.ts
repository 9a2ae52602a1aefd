import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { openWasmDevice } from '../../src/backend/wasm/device.js';
import { wasmBackend } from '../../src/backend/wasm/index.js';
import { bind, blockPlan } from './block.js';

const DEVICE = new URL('../../src/backend/wasm/device.js', import.meta.url).href;
const BLOCK = new URL('./block.js', import.meta.url).href;

test('a run of which a worker has died is rejected', { timeout: 20_000 }, async () => {
  const device = await openWasmDevice({ threads: 3 });
  await device.pool!.ready();
  const bound = await bind(device, blockPlan());
  await bound.executable.run();
  // Not awaited: the run starts while the dead worker still counts as one of the threads.
  const dying = device.pool!.workers[0]!.terminate();
  await assert.rejects(
    (async () => {
      for (let i = 0; i < 1000; i++) await bound.executable.run();
    })(),
    { name: 'IncacheError', message: /a thread of the wasm backend has died/ },
  );
  await dying;
  await assert.rejects(bound.executable.run(), /has died/);
  await device.dispose();
});

test('several devices run side by side', async () => {
  const devices = await Promise.all([2, 2, 1, 3].map((threads) => openWasmDevice({ threads })));
  const bounds = await Promise.all(devices.map((device) => bind(device, blockPlan())));
  const results = await Promise.all(bounds.flatMap((bound) => [bound.run(), bound.run()]));
  for (const result of results) assert.deepEqual(result, results[0]);
  await Promise.all(devices.map((device) => device.dispose()));
});

test('works inside a worker', { timeout: 20_000 }, async () => {
  const code = `
    const { parentPort } = require('node:worker_threads');
    (async () => {
      const { openWasmDevice } = await import('${DEVICE}');
      const { bind, blockPlan } = await import('${BLOCK}');
      const device = await openWasmDevice({ threads: 2 });
      await device.pool.ready();
      const bits = await (await bind(device, blockPlan())).run();
      await device.dispose();
      parentPort.postMessage(bits);
    })();`;
  const bits = await new Promise((resolve, reject) => {
    new Worker(code, { eval: true }).on('message', resolve).on('error', reject);
  });
  const device = await openWasmDevice({ threads: 1 });
  assert.deepEqual(bits, await (await bind(device, blockPlan())).run());
  await device.dispose();
});

test('an open device does not keep the process alive', { timeout: 20_000 }, async () => {
  const code = `
    const { openWasmDevice } = await import('${DEVICE}');
    const { bind, blockPlan } = await import('${BLOCK}');
    const device = await openWasmDevice({ threads: 3 });
    await device.pool.ready();
    await (await bind(device, blockPlan())).run();
    console.log('end of the script');`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { timeout: 15_000 });
  assert.match((await run).stdout, /end of the script/);
});

test('the backend says what it is', async () => {
  const { name, available, detail } = wasmBackend.status();
  assert.equal(name, 'wasm');
  assert.ok(available);
  assert.match(detail, /^WebAssembly (relaxed )?SIMD, shared memory, up to \d+ threads?$/);
  const device = await wasmBackend.open({ threads: 1 });
  assert.equal(device.threads, 1);
  assert.equal(device.backend, 'wasm');
  await device.dispose();
});
