import type { Device } from '../backend/backend.js';
import { OutOfMemoryError } from '../errors.js';
import type { SessionPlan } from './sessionPlan.js';

/**
 * Throws an `OutOfMemoryError` when the session would not fit on the device beside what is there, before any of it is taken:
 * a system that lends more than it has would otherwise end the process in the middle of the work.
 */
export function requireMemory(device: Device, { memory }: SessionPlan): void {
  const needed = memory.cache + memory.modulation + memory.arena;
  const { memoryInUse, memoryLimit, backend } = device;
  if (needed > memoryLimit - memoryInUse)
    throw new OutOfMemoryError(needed, memoryInUse, memoryLimit, `the ${backend} backend`);
}
