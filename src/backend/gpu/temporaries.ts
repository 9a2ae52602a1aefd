/**
 * Buffers of temporaries. WebGPU lets no dispatch write to a buffer that it also reads by another binding, so there
 * is no arena: each temporary has a buffer of its own while it lives, which others take over afterwards.
 */
import { operandsOf } from '../../plan/operands.js';
import { bufferBytes, type Plan } from '../../plan/types.js';
import type { Slot } from './kernel.js';

/** The slot of each temporary by buffer id, undefined for buffers of other roles; and all slots. */
export function temporarySlots(plan: Plan): { of: (Slot | undefined)[]; all: Slot[] } {
  const touched = plan.ops.map(({ op }) => {
    const { reads, writes } = operandsOf(op);
    return new Set([...reads, ...writes].map(({ view }) => view.buffer));
  });
  const last = new Map<number, number>();
  for (const [step, buffers] of touched.entries()) for (const id of buffers) last.set(id, step);
  const of: (Slot | undefined)[] = plan.buffers.map(() => undefined);
  const all: Slot[] = [];
  const free: Slot[] = [];
  for (const [step, buffers] of touched.entries()) {
    const temporaries = [...buffers].filter((id) => plan.buffers[id]!.role === 'temporary');
    for (const id of temporaries) of[id] ??= take(bufferBytes(plan.buffers[id]!), free, all);
    for (const id of temporaries) if (last.get(id) === step) free.push(of[id]!);
  }
  return { of, all };
}

/** The free slot that wastes or grows least, else a new one. */
function take(bytes: number, free: Slot[], all: Slot[]): Slot {
  const distance = (slot: Slot) => Math.abs(slot.bytes - bytes);
  const best = free.reduce<Slot | undefined>(
    (best, slot) => (best === undefined || distance(slot) < distance(best) ? slot : best),
    undefined,
  );
  const slot = best ?? { bytes: 0, buffer: undefined };
  if (best) free.splice(free.indexOf(best), 1);
  else all.push(slot);
  slot.bytes = Math.max(slot.bytes, bytes);
  return slot;
}
