import type { Device, DeviceTensor, WeightSource } from '../../src/backend/backend.js';
import type { Plan } from '../../src/plan/types.js';

/** Runs a plan once and returns its outputs by name. Inputs that are not given are zeros; states may be given too. */
export async function runPlan(
  device: Device,
  plan: Plan,
  source: WeightSource,
  inputs: Readonly<Record<string, Float32Array | Int32Array>>,
): Promise<Map<string, Float32Array>> {
  const weights = device.loadWeights(source);
  const tensors = new Map<string, DeviceTensor>();
  for (const { name, role, type, rows, columns } of plan.buffers) {
    if (role === 'weight' || role === 'temporary') continue;
    const tensor = device.allocate(rows, columns, type);
    if (role === 'input' || inputs[name])
      await tensor.write(inputs[name] ?? new Float32Array(rows * columns));
    tensors.set(name, tensor);
  }
  const executable = await device.compile(plan, { weights, tensors });
  await executable.run();
  const outputs = plan.buffers.filter(({ role }) => role === 'output');
  const values = await Promise.all(outputs.map(({ name }) => tensors.get(name)!.read()));
  const read = new Map(outputs.map(({ name }, i) => [name, values[i] as Float32Array]));
  executable.dispose();
  weights.dispose();
  for (const tensor of tensors.values()) tensor.dispose();
  return read;
}
