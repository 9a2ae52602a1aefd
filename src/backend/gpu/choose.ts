/** Which form of products is fastest on an adapter: measured when the first device opens on it. */
import { PlanBuilder } from '../../plan/builder.js';
import { describeAdapter, isSoftware } from './adapter.js';
import { type GpuDevice, openGpuDevice } from './device.js';
import type { ProductForm } from './lowering.js';
import type { GPUAdapter } from './webgpu.js';

const FORMS = ['registers', 'workgroup'] as const;

/** Rows, columns and terms of the product that is measured, and how often it runs. */
const SIZE = 512;
const RUNS = 5;

/** By adapter. */
const chosen = new Map<string, ProductForm>();

export async function openChosenDevice(adapter: GPUAdapter): Promise<GpuDevice> {
  const device = await openGpuDevice(adapter, 'registers');
  // Barriers cost a processor more than they save, and seconds to compile.
  if (isSoftware(adapter)) return device;
  const name = describeAdapter(adapter);
  try {
    device.form = chosen.get(name) ?? (await fastestForm(device));
  } catch (error) {
    await device.dispose();
    throw error;
  }
  chosen.set(name, device.form);
  return device;
}

/** The form in which a product takes the shortest time. */
export async function fastestForm(device: GpuDevice, size = SIZE): Promise<ProductForm> {
  const b = new PlanBuilder('product to be measured');
  const [x, weight] = [b.input('x', size, size), b.weight('weight', size, size)];
  b.append({ op: 'linear', x, weight, epilogue: 'none', out: b.output('out', size, size) });
  const plan = b.build();
  const weights = device.loadWeights({ read: () => new Float32Array(size * size).fill(1) });
  const tensors = new Map(['x', 'out'].map((name) => [name, device.allocate(size, size)]));
  try {
    let [best, least] = [FORMS[0] as ProductForm, Number.POSITIVE_INFINITY];
    for (const form of FORMS) {
      device.form = form;
      const executable = await device.compile(plan, { weights, tensors });
      const time = await shortest(() => executable.run());
      executable.dispose();
      if (time < least) [best, least] = [form, time];
    }
    return best;
  } finally {
    weights.dispose();
    for (const tensor of tensors.values()) tensor.dispose();
  }
}

/** Milliseconds of the fastest of several runs, after one that is not counted. */
async function shortest(run: () => Promise<void>): Promise<number> {
  await run();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    await run();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}
