/**
 * Where the temporaries of a plan lie in one arena. Two buffers may share bytes when their lives, from the
 * first operation that touches them to the last, do not overlap.
 */
import { Occupancy } from './occupancy.js';
import { operandsOf } from './operands.js';
import { bufferBytes, type Plan, type PlanBuffer } from './types.js';

/** Buffers start at multiples of a cache line. */
export const ALIGNMENT = 64;

export interface ArenaLayout {
  /** Byte offset of each temporary by buffer id; undefined for buffers of other roles. */
  readonly offsets: readonly (number | undefined)[];
  /** Bytes of the arena: the peak of what is alive at once. */
  readonly arenaBytes: number;
  /** Bytes the temporaries would take without sharing. */
  readonly sumBytes: number;
}

interface Life {
  readonly buffer: number;
  readonly bytes: number;
  first: number;
  last: number;
}

/** Greedy by size: the largest buffer first, each at the lowest place free during its whole life. */
export function layoutTemporaries(plan: Plan): ArenaLayout {
  const offsets: (number | undefined)[] = plan.buffers.map(() => undefined);
  const taken = new Occupancy(plan.ops.length);
  let arenaBytes = 0;
  let sumBytes = 0;
  for (const { buffer, bytes, first, last } of lives(plan).sort(
    (a, b) => b.bytes - a.bytes || a.first - b.first,
  )) {
    const offset = taken.lowest(first, last, bytes);
    taken.take(first, last, offset, bytes);
    offsets[buffer] = offset;
    arenaBytes = Math.max(arenaBytes, offset + bytes);
    sumBytes += bytes;
  }
  return { offsets, arenaBytes, sumBytes };
}

/** Bytes of a buffer, rounded up to the alignment. */
export function alignedBytes(buffer: PlanBuffer): number {
  return Math.ceil(bufferBytes(buffer) / ALIGNMENT) * ALIGNMENT;
}

function lives(plan: Plan): Life[] {
  const found = new Map<number, Life>();
  for (const [step, { op }] of plan.ops.entries()) {
    const { reads, writes } = operandsOf(op);
    for (const { view } of [...reads, ...writes]) {
      const buffer = plan.buffers[view.buffer]!;
      if (buffer.role !== 'temporary') continue;
      const life = found.get(view.buffer);
      if (life) life.last = step;
      else
        found.set(view.buffer, { buffer: view.buffer, bytes: alignedBytes(buffer), first: step, last: step });
    }
  }
  return [...found.values()];
}
