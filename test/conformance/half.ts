import { rounding } from '../../src/backend/half.js';
import type { ConformanceCase } from './cases.js';

export type HalfType = 'bf16' | 'f16';

/** How far neighbours are apart, as a part of them. */
export const HALF_STEP: Readonly<Record<HalfType, number>> = { bf16: 2 ** -7, f16: 2 ** -10 };

/** The case with weights as a device holds them that has them in a 16-bit type. */
export function withHalfWeights(
  { plan, values, tolerance }: ConformanceCase,
  type: HalfType,
): ConformanceCase {
  const round = rounding(type)!;
  const weights = new Set(plan.buffers.filter(({ role }) => role === 'weight').map(({ name }) => name));
  const rounded = [...values].map(([name, data]) => [
    name,
    weights.has(name) ? new Float32Array(data).map(round) : data,
  ]);
  return { plan, values: new Map(rounded as [string, Float32Array | Int32Array][]), tolerance };
}

/** The case with all of its states in a 16-bit type. */
export function inHalf({ plan, values, tolerance }: ConformanceCase, type: HalfType): ConformanceCase {
  const round = rounding(type)!;
  const narrow = new Set(plan.buffers.filter(({ role }) => role === 'state').map(({ name }) => name));
  const buffers = plan.buffers.map((buffer) => (narrow.has(buffer.name) ? { ...buffer, type } : buffer));
  const rounded = [...values].map(([name, data]) => [
    name,
    narrow.has(name) ? new Float32Array(data).map(round) : data,
  ]);
  // Two sums that hardly differ may round to neighbours: one unit in the last place. Attention also rounds its weights,
  // and values of both signs may nearly cancel.
  const steps = plan.ops[0]!.op.op === 'attention' ? 2 : 1 / 2;
  return {
    plan: { ...plan, buffers },
    values: new Map(rounded as [string, Float32Array | Int32Array][]),
    tolerance: Math.max(tolerance, steps * HALF_STEP[type]),
  };
}
