/** Which forms of kernels are fastest on an adapter: measured when the first device opens on it. */
import { PlanBuilder } from '../../plan/builder.js';
import type { Plan } from '../../plan/types.js';
import { describeAdapter, isSoftware } from './adapter.js';
import { type GpuDevice, openGpuDevice } from './device.js';
import { FUSIBLE, type Fusible, type KernelForms } from './forms.js';
import type { GPUAdapter } from './webgpu.js';

/** Barriers cost a processor more than they save, and seconds to compile: software adapters have these forms. */
const WITHOUT_BARRIERS: KernelForms = { products: 'registers', fused: [] };

/** Rows and columns of what is measured, and how often it runs. */
const SIZE = 512;
const RUNS = 5;

/** By adapter. */
const chosen = new Map<string, KernelForms>();

export async function openChosenDevice(adapter: GPUAdapter): Promise<GpuDevice> {
  const device = await openGpuDevice(adapter, WITHOUT_BARRIERS);
  if (isSoftware(adapter)) return device;
  const name = describeAdapter(adapter);
  try {
    device.forms = chosen.get(name) ?? (await fastestForms(device));
  } catch (error) {
    await device.dispose();
    throw error;
  }
  chosen.set(name, device.forms);
  return device;
}

/** The forms in which a product and the calibrated operations take the shortest time. */
export async function fastestForms(device: GpuDevice, size = SIZE): Promise<KernelForms> {
  const products = (['registers', 'workgroup'] as const).map((form) => ({ products: form, fused: [] }));
  let forms: KernelForms = await fastest(device, productPlan(size), products);
  for (const op of FUSIBLE)
    forms = await fastest(device, calibratedPlan(op, size), [
      forms,
      { ...forms, fused: [...forms.fused, op] },
    ]);
  return forms;
}

async function fastest(
  device: GpuDevice,
  plan: Plan,
  candidates: readonly KernelForms[],
): Promise<KernelForms> {
  const sizes = new Map(plan.buffers.map(({ name, rows, columns }) => [name, rows * columns]));
  const weights = device.loadWeights({ read: (name) => new Float32Array(sizes.get(name)!).fill(1) });
  const bound = plan.buffers.filter(({ role }) => role === 'input' || role === 'output');
  const tensors = new Map(bound.map(({ name, rows, columns }) => [name, device.allocate(rows, columns)]));
  try {
    let [best, least] = [candidates[0]!, Number.POSITIVE_INFINITY];
    for (const forms of candidates) {
      device.forms = forms;
      const executable = await device.compile(plan, { weights, tensors });
      const time = await shortest(() => executable.run());
      executable.dispose();
      if (time < least) [best, least] = [forms, time];
    }
    return best;
  } finally {
    weights.dispose();
    for (const tensor of tensors.values()) tensor.dispose();
  }
}

function productPlan(size: number): Plan {
  const b = new PlanBuilder('product to be measured');
  const [x, weight] = [b.input('x', size, size), b.weight('weight', size, size)];
  b.append({ op: 'linear', x, weight, epilogue: 'none', out: b.output('out', size, size) });
  return b.build();
}

/** An eighth of the channels as rank. */
function calibratedPlan(op: Fusible, size: number): Plan {
  const b = new PlanBuilder(`${op} to be measured`);
  const rank = Math.ceil(size / 8);
  const pair = (name: string, inputs: number, outputs: number) => ({
    down: b.weight(`${name}.down`, rank, inputs),
    up: b.weight(`${name}.up`, outputs, rank),
  });
  const [x, cachedInput] = [b.input('x', size, size), b.input('cachedInput', size, size)];
  const cachedOutput = b.input('cachedOutput', size, size);
  const shared = {
    x,
    cachedInput,
    cachedOutput,
    epilogue: 'none',
    out: b.output('out', size, size),
  } as const;
  if (op === 'calibratedLinear') b.append({ op, ...shared, factors: [pair('linear', size, size)] });
  else {
    const cachedPreActivation = b.input('cachedPreActivation', size, 4 * size);
    const factors = [pair('fc1', size, 4 * size), pair('fc2', 4 * size, size)];
    b.append({ op, ...shared, cachedPreActivation, factors });
  }
  return b.build();
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
