/** A plan of its own on a device: its inputs and outputs are tensors that live as long as it. */
import type { Device, DeviceTensor, DeviceWeights, Executable } from '../backend/backend.js';
import type { Plan } from '../plan/types.js';
import { takeMemory } from './memoryPressure.js';
import { requirePlanMemory } from './requireMemory.js';

export class BoundPlan implements Disposable {
  readonly #executable: Executable;
  readonly #tensors: ReadonlyMap<string, DeviceTensor>;

  private constructor(executable: Executable, tensors: ReadonlyMap<string, DeviceTensor>) {
    this.#executable = executable;
    this.#tensors = tensors;
  }

  /** Rejects with an `OutOfMemoryError` when the device cannot hold it, and then holds nothing. */
  static async compile(device: Device, weights: DeviceWeights, plan: Plan): Promise<BoundPlan> {
    requirePlanMemory(device, plan);
    return takeMemory(device, () => BoundPlan.#take(device, weights, plan));
  }

  static async #take(device: Device, weights: DeviceWeights, plan: Plan): Promise<BoundPlan> {
    const tensors = new Map<string, DeviceTensor>();
    try {
      for (const { name, role, rows, columns, type } of plan.buffers)
        if (role === 'input' || role === 'output') tensors.set(name, device.allocate(rows, columns, type));
      return new BoundPlan(await device.compile(plan, { weights, tensors }), tensors);
    } catch (error) {
      for (const tensor of tensors.values()) tensor.dispose();
      throw error;
    }
  }

  /** Runs the plan on the values of its inputs, by name, and returns those of one output; `signal` may end it early. */
  async run(
    inputs: Readonly<Record<string, Float32Array | Int32Array>>,
    output: string,
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    const writes = Object.entries(inputs).map(([name, values]) => this.#tensors.get(name)!.write(values));
    const ran = this.#executable.run(signal);
    const read = this.#tensors.get(output)!.read();
    // All take their turn in this order; one that fails is told before those that wait for it.
    await Promise.all([...writes, ran, read]);
    return (await read) as Float32Array;
  }

  dispose(): void {
    this.#executable.dispose();
    for (const tensor of this.#tensors.values()) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
