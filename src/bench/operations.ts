/** The operations of a block, each as a contender of its own. */
import type { Device } from '../backend/backend.js';
import { CALIBRATE, COMPUTE, type LayerAction } from '../models/layers/actions.js';
import type { Network } from '../models/network.js';
import { opCost } from '../plan/cost.js';
import type { Plan, PlanStep } from '../plan/types.js';
import { blocksPlan } from './blocksPlan.js';
import { bindRandom } from './compile.js';
import type { Contender } from './measure.js';

export interface Operation extends Contender {
  /** When each operand moves once. */
  readonly bytes: number;
}

/** Every operation of one block on one image in full, and what takes its place when the block is calibrated. */
export async function openOperations(device: Device, network: Network, rank: number): Promise<Operation[]> {
  const open = (action: LayerAction) => {
    const { activations } = device;
    return openPlan(device, blocksPlan(network, { blocks: 1, images: 1, action, rank, activations }));
  };
  const full = await open(COMPUTE);
  const known = new Set(full.map(({ name }) => name));
  return [...full, ...(await open(CALIBRATE)).filter(({ name }) => !known.has(name))];
}

/** Each as a plan of its own on the buffers of the whole, what lies between two of them kept. */
async function openPlan(device: Device, plan: Plan): Promise<Operation[]> {
  const buffers = plan.buffers.map((buffer) =>
    buffer.role === 'temporary' ? { ...buffer, role: 'state' as const } : buffer,
  );
  const bindings = await bindRandom(device, { ...plan, buffers });
  const operations = new Map<string, Operation>();
  // What comes before the block, as its rows of the conditioning, is none of it.
  for (const step of plan.ops.filter(({ layer }) => layer.includes('.'))) {
    const name = nameOf(step);
    if (operations.has(name)) continue;
    const executable = await device.compile({ name, buffers, ops: [step] }, bindings);
    const { macs, bytes } = opCost(step.op, buffers);
    operations.set(name, { name, flops: 2 * macs, bytes, run: () => executable.run() });
  }
  return [...operations.values()];
}

function nameOf({ layer, op }: PlanStep): string {
  const place = layer.split('.').at(-1)!;
  return op.op === 'linear' || op.op === 'calibratedLinear' ? `${op.op} ${place}` : op.op;
}
