/**
 * Drops handles of the addon without disposing of them, and prints as JSON what the device holds before, with them, and
 * when the collector has been round. Run with --expose-gc.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceHandle } from '../../src/backend/native/binding.js';
import { serializePlan } from '../../src/plan/file.js';
import { blockPlan } from '../wasm/block.js';
import { rawBinding } from './present.js';

export interface DroppedFigures {
  readonly before: number;
  readonly held: number;
  readonly after: number;
}

const binding = rawBinding();
const device = binding.openDevice(2, 'f32');
const before = binding.deviceMemory(device);
await makeAndDrop(device);
const held = binding.deviceMemory(device);
for (let i = 0; i < 50 && binding.deviceMemory(device) > before; i++) {
  (global.gc as () => void)();
  await sleep(10);
}
const figures: DroppedFigures = { before, held, after: binding.deviceMemory(device) };
process.stdout.write(JSON.stringify(figures));

/** Buffers, weights, a plan and an executable that has run. */
async function makeAndDrop(on: DeviceHandle): Promise<void> {
  const plan = blockPlan();
  const parsed = binding.parsePlan(serializePlan(plan));
  const weights = binding.createWeights(on);
  for (const [place, { role, rows, columns }] of plan.buffers.entries())
    if (role === 'weight') await binding.loadWeight(weights, parsed, place, new Float32Array(rows * columns));
  const bound = plan.buffers.filter(({ role }) => role === 'input' || role === 'output');
  const buffers = bound.map(({ rows, columns, type }) => binding.createBuffer(on, rows, columns, type));
  const names = bound.map(({ name }) => name);
  await binding.runExecutable(binding.createExecutable(on, parsed, weights, names, buffers));
}
