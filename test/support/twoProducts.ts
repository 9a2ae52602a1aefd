/** A plan that has a bit of everything that devices keep: weights, what lies between operations, an index. */
import type { Device } from '../../src/backend/backend.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { Plan } from '../../src/plan/types.js';

export const [ROWS, CHANNELS] = [5, 12];

/** Two products with what lies between them, and a gathered row. */
function plan(): Plan {
  const b = new PlanBuilder('two products');
  const x = b.input('x', ROWS, CHANNELS);
  const index = b.input('index', ROWS, 1, 'i32');
  const gathered = b.temporary(ROWS, CHANNELS);
  b.append({ op: 'gatherRows', table: x, index, out: gathered });
  const hidden = b.temporary(ROWS, CHANNELS);
  const weight = b.weight('weight', CHANNELS, CHANNELS);
  b.append({ op: 'linear', x: gathered, weight, epilogue: 'gelu', out: hidden });
  b.append({ op: 'linear', x: hidden, weight, epilogue: 'none', out: b.output('out', ROWS, CHANNELS) });
  return b.build();
}

/** Compiled on a device, with its tensors. */
export async function openTwoProducts(device: Device) {
  const weights = device.loadWeights({ read: () => new Float32Array(CHANNELS * CHANNELS).fill(0.1) });
  const tensors = new Map([
    ['x', device.allocate(ROWS, CHANNELS)],
    ['index', device.allocate(ROWS, 1, 'i32')],
    ['out', device.allocate(ROWS, CHANNELS)],
  ]);
  const executable = await device.compile(plan(), { weights, tensors });
  return { weights, tensors, executable };
}
