import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { CONTROL } from '../../src/backend/wasm/control.js';
import { detectFeatures } from '../../src/backend/wasm/features.js';
import { DeviceMemory } from '../../src/backend/wasm/memory.js';
import { loadModule } from '../../src/backend/wasm/modules.js';

const PROGRAM = fileURLToPath(new URL('growing.js', import.meta.url));
const SESSIONS = 4;
const GROWTHS = 200;

/** As many processes at once as there are processors, so that threads are stopped anywhere. */
async function underLoad(flags: readonly string[]): Promise<void> {
  const runs = Array.from({ length: availableParallelism() }, () =>
    promisify(execFile)(process.execPath, [...flags, PROGRAM, String(SESSIONS), String(GROWTHS)]),
  );
  for (const { stdout } of await Promise.all(runs)) assert.equal(stdout, `${SESSIONS} sessions`);
}

test('wasm-grow-race: no thread dies of a memory that grows between runs', () => underLoad([]));

// There every address is checked against the size that the thread knows, not only those of some instructions.
const NO_GUARD_PAGES = '--disable-wasm-trap-handler';
const unknown = process.allowedNodeEnvironmentFlags.has(NO_GUARD_PAGES) ? false : `no ${NO_GUARD_PAGES} here`;
test('wasm-grow-race: nor where addresses are checked in code', { skip: unknown }, () =>
  underLoad([NO_GUARD_PAGES]),
);

test('wasm-grow-race: a thread that does not know the size of the memory asks before it takes part', async () => {
  const COUNT = 512;
  const code = `
    const { module, memory } = require('node:worker_threads').workerData;
    const words = new Int32Array(memory.buffer);
    const wait = (address, expected) => void Atomics.wait(words, address / 4, expected);
    const seeGrowth = () => void (Atomics.add(words, ${COUNT}, 1), Atomics.notify(words, ${COUNT}));
    new WebAssembly.Instance(module, { env: { memory }, host: { wait, seeGrowth, now() {} } }).exports.work();`;
  const memory = new DeviceMemory(true);
  memory.allocate(16 * COUNT);
  const module = await loadModule(detectFeatures(), true);
  const worker = new Worker(code, { eval: true, workerData: { module, memory: memory.memory } });
  const words = new Int32Array(memory.memory.buffer);
  while (Atomics.load(words, CONTROL.joined / 4) === 0) Atomics.wait(words, CONTROL.joined / 4, 0, 1);
  // A run of no operations in a memory that has grown by a page more than the worker can know of.
  const start = (run: number, pages: number) => {
    words[CONTROL.pages / 4] = pages;
    Atomics.store(words, CONTROL.epoch / 4, (run << 8) | 2);
    Atomics.notify(words, CONTROL.epoch / 4);
  };
  start(1, memory.pages + 1);
  while (Atomics.load(words, COUNT) === 0) Atomics.wait(words, COUNT, 0, 1);
  start(2, memory.pages);
  start(3, memory.pages + 1);
  while (Atomics.load(words, COUNT) < 2) Atomics.wait(words, COUNT, 1, 1);
  await worker.terminate();
});
