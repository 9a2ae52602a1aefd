import type { WeightPrecision } from '../../src/backend/backend.js';
import { operandsOf } from '../../src/plan/operands.js';
import { elementBytes, type Plan } from '../../src/plan/types.js';

const WEIGHT_BYTES: Readonly<Record<WeightPrecision, number>> = { f32: 4, bf16: 2, f16: 2, int8: 1 };

/** Bytes of a plan's operands when each moves once, weights as the device keeps them; what lies in the arena is left out. */
export function movedBytes(plan: Plan, weights: WeightPrecision): number {
  let bytes = 0;
  for (const { op } of plan.ops) {
    const { reads, writes } = operandsOf(op);
    for (const { view } of [...reads, ...writes]) {
      const { role, type } = plan.buffers[view.buffer]!;
      if (role === 'temporary') continue;
      // Biases stay as they are.
      const element = role === 'weight' && view.rows > 1 ? WEIGHT_BYTES[weights] : elementBytes(type);
      bytes += view.rows * view.columns * element;
    }
  }
  return bytes;
}
