import type { Device, DeviceTensor } from '../../src/backend/backend.js';
import type { ConformanceCase } from './cases.js';

/** Runs a case on a device and returns the contents of every state buffer afterwards, by name. */
export async function runCase(
  device: Device,
  { plan, values }: ConformanceCase,
): Promise<Map<string, Float32Array>> {
  const tensors = new Map<string, DeviceTensor>();
  const weights = device.loadWeights({ read: (name) => values.get(name) as Float32Array });
  for (const { name, role, type, rows, columns } of plan.buffers) {
    if (role === 'weight') continue;
    const tensor = device.allocate(rows, columns, type);
    await tensor.write(values.get(name)!);
    tensors.set(name, tensor);
  }
  const executable = await device.compile(plan, { weights, tensors });
  try {
    await executable.run();
    const states = plan.buffers.filter(({ role }) => role === 'state');
    const outputs = await Promise.all(states.map(({ name }) => tensors.get(name)!.read()));
    return new Map(states.map(({ name }, i) => [name, outputs[i] as Float32Array]));
  } finally {
    executable.dispose();
    weights.dispose();
    for (const tensor of tensors.values()) tensor.dispose();
  }
}
