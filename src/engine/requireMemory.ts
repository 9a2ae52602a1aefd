import type { Device } from '../backend/backend.js';
import { OutOfMemoryError } from '../errors.js';
import { layoutTemporaries } from '../plan/layout.js';
import { bufferBytes, type Plan } from '../plan/types.js';
import { reclaim } from './memoryPressure.js';
import type { SessionPlan } from './sessionPlan.js';

/**
 * Throws an `OutOfMemoryError` when the session would not fit on the device beside what is there, before any of it is taken:
 * what is kept there for speed alone makes room first. A system that lends more than it has would otherwise end the process in the middle of the work.
 */
export function requireMemory(device: Device, { memory }: SessionPlan): void {
  requireBytes(device, memory.cache + memory.modulation + memory.arena);
}

/** The same for a plan by itself, with its inputs and outputs; its weights are not counted. */
export function requirePlanMemory(device: Device, plan: Plan): void {
  const bound = plan.buffers.filter(({ role }) => role === 'input' || role === 'output');
  const held = bound.reduce((bytes, buffer) => bytes + bufferBytes(buffer), 0);
  requireBytes(device, held + layoutTemporaries(plan).arenaBytes);
}

function requireBytes(device: Device, needed: number): void {
  while (needed > device.memoryLimit - device.memoryInUse)
    if (!reclaim(device))
      throw new OutOfMemoryError(
        needed,
        device.memoryInUse,
        device.memoryLimit,
        `the ${device.backend} backend`,
      );
}
