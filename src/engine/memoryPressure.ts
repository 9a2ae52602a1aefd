/** Memory of a device that is kept for speed alone, and given up when something else needs it. */
import type { Device } from '../backend/backend.js';
import { OutOfMemoryError } from '../errors.js';

/** Gives up something that is kept; returns false when nothing is left. */
export type Reclaimer = () => boolean;

const reclaimers = new WeakMap<Device, Set<Reclaimer>>();

/** Asks `reclaimer` when memory of the device is short, until what is returned is disposed. */
export function onMemoryPressure(device: Device, reclaimer: Reclaimer): Disposable {
  const known = reclaimers.get(device) ?? new Set();
  reclaimers.set(device, known.add(reclaimer));
  return { [Symbol.dispose]: () => known.delete(reclaimer) };
}

/** Has something given up that is kept for speed alone; returns false when there is nothing. */
export function reclaim(device: Device): boolean {
  for (const reclaimer of reclaimers.get(device) ?? []) if (reclaimer()) return true;
  return false;
}

/** Takes memory with `take`, again and again as long as there is not enough and something else can be given up. */
export async function takeMemory<T>(device: Device, take: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await take();
    } catch (error) {
      if (!(error instanceof OutOfMemoryError && reclaim(device))) throw error;
    }
  }
}
