import { roundBf16 } from '../../src/backend/bf16.js';
import type { ConformanceCase } from './cases.js';

/** The case with all of its states in bfloat16. */
export function inBf16({ plan, values, tolerance }: ConformanceCase): ConformanceCase {
  const narrow = new Set(plan.buffers.filter(({ role }) => role === 'state').map(({ name }) => name));
  const buffers = plan.buffers.map((buffer) =>
    narrow.has(buffer.name) ? { ...buffer, type: 'bf16' as const } : buffer,
  );
  const rounded = [...values].map(([name, data]) => [
    name,
    narrow.has(name) ? Float32Array.from(data, roundBf16) : data,
  ]);
  // Two sums that hardly differ may round to neighbours: one unit in the last place. Attention also rounds its weights,
  // and values of both signs may nearly cancel.
  const bound = plan.ops[0]!.op.op === 'attention' ? 2 ** -6 : 2 ** -8;
  return {
    plan: { ...plan, buffers },
    values: new Map(rounded as [string, Float32Array | Int32Array][]),
    tolerance: Math.max(tolerance, bound),
  };
}
