/** Plans on random values, ready to be timed. */
import type { Device, DeviceTensor, PlanBindings } from '../backend/backend.js';
import type { Plan } from '../plan/types.js';

export interface Compiled extends Disposable {
  run(): Promise<void>;
}

/** What it holds on the device is gone at `dispose`: of a hundred cases the buffers would fill the memory, and be paged out. */
export async function compileOnRandom(device: Device, plan: Plan): Promise<Compiled> {
  const bindings = await bindRandom(device, plan);
  const executable = await device.compile(plan, bindings);
  return {
    run: () => executable.run(),
    [Symbol.dispose]: () => {
      executable.dispose();
      bindings[Symbol.dispose]();
    },
  };
}

/** Random weights, inputs and states for every buffer of a plan that has one; indices are 0. */
export async function bindRandom(device: Device, { buffers }: Plan): Promise<PlanBindings & Disposable> {
  const sizes = new Map(buffers.map(({ name, rows, columns }) => [name, rows * columns]));
  const weights = device.loadWeights({ read: (name) => randomValues(sizes.get(name)!) });
  const tensors = new Map<string, DeviceTensor>();
  for (const { name, role, rows, columns, type } of buffers) {
    if (role === 'weight' || role === 'temporary') continue;
    const tensor = device.allocate(rows, columns, type);
    await tensor.write(type === 'i32' ? new Int32Array(rows * columns) : randomValues(rows * columns));
    tensors.set(name, tensor);
  }
  return {
    weights,
    tensors,
    [Symbol.dispose]: () => {
      for (const tensor of tensors.values()) tensor.dispose();
      weights.dispose();
    },
  };
}

export function randomValues(count: number): Float32Array {
  return Float32Array.from({ length: count }, () => Math.random() - 0.5);
}
