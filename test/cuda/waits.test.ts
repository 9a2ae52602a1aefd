/** What the main thread does while a run waits for a GPU: it does not wait too. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openDevice } from '../../src/backend/choose.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';
import { ROOT, run } from '../native/tools.js';
import { temporaryFolder } from '../support/folder.js';
import { AMPERE, enter } from './places.js';

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const folder = temporaryFolder();
const [waits, ends] = [join(folder, 'waits'), join(folder, 'ends')];

function buildPlugin(): string {
  const library = join(folder, 'waiting.so');
  const defines = { INCACHE_VERSION: version, WAITS: waits, ENDS: ends };
  run(process.env.CXX ?? 'c++', [
    ...['-std=c++17', '-shared', '-fPIC', `-I${ROOT}cpp`, `-I${ROOT}cpp/include`],
    ...Object.entries(defines).map(([name, value]) => `-D${name}="${value}"`),
    ...[join(ROOT, 'test/cuda/waitingPlugin.cpp'), '-o', library],
  ]);
  return library;
}

function siluPlan(): Plan {
  const b = new PlanBuilder('silu');
  b.append({ op: 'silu', x: b.input('x', 2, 4), out: b.output('y', 2, 4) });
  return b.build();
}

test('allocates, disposes and compiles without waiting for a run', { skip: AMPERE.skip }, async () => {
  enter(AMPERE, { INCACHE_CUDA_LIBRARY: buildPlugin() });
  const device = await openDevice('cuda');
  const weights = device.loadWeights({ read: () => assert.fail('there are no weights') });
  const tensors = new Map(['x', 'y'].map((name) => [name, device.allocate(2, 4)]));
  const other = device.allocate(2, 4);
  const [first, second] = [
    await device.compile(siluPlan(), { weights, tensors }),
    await device.compile(siluPlan(), { weights, tensors }),
  ];
  const running = first.run();
  while (!existsSync(waits)) await pause(5);
  const compiling = device.compile(siluPlan(), { weights, tensors });
  second.dispose();
  other.dispose();
  const late = device.allocate(2, 4);
  // Had any of these waited, the run would not be told to end, and would fail.
  writeFileSync(ends, '');
  await running;
  (await compiling).dispose();
  assert.deepEqual([...(await late.read())], Array(8).fill(0));
  await device.dispose();
  assert.equal(device.memoryInUse, 0);
});
