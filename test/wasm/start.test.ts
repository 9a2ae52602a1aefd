/** Devices whose start goes wrong half-way: what was begun is ended, and the sentence says what there is. */
import assert from 'node:assert/strict';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, test } from 'node:test';
import threads from 'node:worker_threads';
import { openWasmDevice } from '../../src/backend/wasm/device.js';
import { bind, blockPlan } from './block.js';

const { Worker } = threads;
const wait = Atomics.wait;
const Instance = WebAssembly.Instance;

afterEach(() => {
  useWorker(Worker);
  Atomics.wait = wait;
  WebAssembly.Instance = Instance;
});

function useWorker(replacement: typeof Worker): void {
  threads.Worker = replacement;
  syncBuiltinESMExports();
}

/** Workers that are started from now on; after `most` the system gives none, as under a limit of tasks. */
function refuseAfter(most: number): threads.Worker[] {
  const started: threads.Worker[] = [];
  useWorker(
    class extends Worker {
      constructor(...given: ConstructorParameters<typeof Worker>) {
        if (started.length === most)
          throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
        super(...given);
        started.push(this);
      }
    },
  );
  return started;
}

/** Workers that end before they can load anything. */
function startBroken(): void {
  useWorker(
    class extends Worker {
      constructor(...[, options]: ConstructorParameters<typeof Worker>) {
        super('throw new Error("no memory for the thread")', { ...options, eval: true });
      }
    },
  );
}

const ended = (worker: threads.Worker) => new Promise((resolve) => worker.once('exit', resolve));

test('thread-limit: threads that were asked for are refused by number, and those that were started end', async () => {
  const started = refuseAfter(2);
  await assert.rejects(openWasmDevice({ threads: 8 }), {
    name: 'IncacheError',
    message: 'cannot start 8 threads: the system gives 3 at most (EAGAIN); with 1 it has to start none',
  });
  assert.equal(started.length, 2);
  await Promise.all(started.map(ended));
});

for (const most of [0, 1])
  test(`thread-limit: where none were asked for, ${most} workers do`, async () => {
    refuseAfter(most);
    const device = await openWasmDevice({}, { processors: 4 });
    assert.equal(device.threads, 1 + most);
    await device.pool!.ready();
    const bits = await (await bind(device, blockPlan())).run();
    await device.dispose();
    const one = await openWasmDevice({ threads: 1 });
    assert.deepEqual(bits, await (await bind(one, blockPlan())).run());
    await one.dispose();
  });

test('workers that end before they join are missing in runs where none were asked for', async () => {
  startBroken();
  const device = await openWasmDevice({}, { processors: 3 });
  await device.pool!.ready();
  assert.equal(device.pool!.joined, 0);
  assert.ok((await (await bind(device, blockPlan())).run()).length > 0);
  await device.dispose();
});

test('workers that were asked for and end before they join fail the run', async () => {
  startBroken();
  const device = await openWasmDevice({ threads: 3 });
  await device.pool!.ready();
  const bound = await bind(device, blockPlan());
  await assert.rejects(bound.run(), /a thread of the wasm backend has died \(no memory for the thread\)/);
  await device.dispose();
});

test('a module that cannot be instantiated leaves no worker behind', async () => {
  const started = refuseAfter(100);
  WebAssembly.Instance = class {
    constructor() {
      throw new RangeError('out of memory');
    }
  } as unknown as typeof Instance;
  const opening = openWasmDevice({ threads: 3 });
  await assert.rejects(opening, /out of memory/);
  WebAssembly.Instance = Instance;
  assert.equal(started.length, 2);
  await Promise.all(started.map((worker) => worker.terminate()));
  const device = await openWasmDevice({ threads: 3 });
  assert.ok((await (await bind(device, blockPlan())).run()).length > 0);
  await device.dispose();
});

test('a host thread that may not block looks again later', async () => {
  const device = await openWasmDevice({ threads: 4 });
  await device.pool!.ready();
  const bound = await bind(device, blockPlan());
  const expected = await bound.run();
  let refused = 0;
  Atomics.wait = () => {
    refused++;
    throw new TypeError('Atomics.wait cannot be called in this context');
  };
  // Until the host has once come to a barrier before the others.
  for (let run = 0; run < 1000 && refused < 3; run++) assert.deepEqual(await bound.run(), expected);
  await device.dispose();
});

test('disposing while workers start ends them, and a device disposed at once is no error', async () => {
  const started = refuseAfter(100);
  for (let i = 0; i < 5; i++) {
    const device = await openWasmDevice({ threads: 4 });
    const exits = started.splice(0).map(ended);
    await device.dispose();
    await Promise.all(exits);
  }
});
