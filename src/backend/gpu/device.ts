/** A device of the gpu backend. */
import { IncacheError, requireInteger, requireOneOf } from '../../errors.js';
import type { BufferType, Plan } from '../../plan/types.js';
import type {
  Device,
  DeviceTensor,
  DeviceWeights,
  Executable,
  PlanBindings,
  WeightSource,
} from '../backend.js';
import { RunQueue } from '../runQueue.js';
import { validateWidePlan } from '../widePlan.js';
import { describeAdapter, firstLine } from './adapter.js';
import { GpuExecutable } from './executable.js';
import { describeForms, type KernelForms } from './forms.js';
import type { GpuHost } from './host.js';
import type { Slot } from './kernel.js';
import { CONSTANTS } from './lowering.js';
import { GpuMemory } from './memory.js';
import { Pipelines } from './pipelines.js';
import { SharedBuffers } from './sharedBuffers.js';
import { GpuTensor } from './tensor.js';
import type { GPUAdapter, GPUDevice } from './webgpu.js';
import { GpuWeights } from './weights.js';

/**
 * Opens a device on an adapter. WebGPU's own limits on buffers are lower than those of adapters. Throws an `IncacheError`
 * where the adapter gives none.
 */
export async function openGpuDevice(adapter: GPUAdapter, forms: KernelForms): Promise<GpuDevice> {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize };
  try {
    return new GpuDevice(await adapter.requestDevice({ requiredLimits }), adapter, forms);
  } catch (error) {
    throw new IncacheError(`${describeAdapter(adapter)} gave no device: ${firstLine(error)}`, {
      cause: error,
    });
  }
}

export class GpuDevice implements Device, GpuHost {
  readonly backend = 'gpu';
  readonly threads = 1;
  readonly activations = 'f32';
  /** WebGPU does not say how much memory there is; it says when there is none left. */
  readonly memoryLimit = Number.MAX_SAFE_INTEGER;
  readonly runs = new RunQueue();
  readonly memory: GpuMemory;
  readonly shared: SharedBuffers;
  readonly pipelines: Pipelines;
  readonly constants: Slot;
  readonly #adapter: string;
  #failure: Error | undefined;
  /** Ends the waiting of what waits for the device. */
  readonly #waiting = new Set<(error: Error) => void>();
  #disposed = false;

  constructor(
    readonly device: GPUDevice,
    adapter: GPUAdapter,
    /** The kernels of plans that are compiled from now on. */
    public forms: KernelForms,
  ) {
    this.#adapter = describeAdapter(adapter);
    this.memory = new GpuMemory(device, adapter.limits, (error) => this.#fail(error));
    this.shared = new SharedBuffers(this.memory);
    this.pipelines = new Pipelines(device);
    const values = Float32Array.from(CONSTANTS);
    this.constants = { bytes: values.byteLength, buffer: this.memory.storage(values.byteLength) };
    device.queue.writeBuffer(this.constants.buffer!, 0, values);
    device.onuncapturederror = ({ error }) =>
      this.#fail(new IncacheError(`the gpu device has failed: ${firstLine(error)}`));
    device.lost.then(({ message }) =>
      this.#fail(
        new IncacheError(`the gpu device was lost (${message || 'no reason given'}); open it again`),
      ),
    );
  }

  get arithmetic(): string {
    return `f32 ${describeForms(this.forms)}, ${this.#adapter}`;
  }

  get memoryInUse(): number {
    return this.memory.inUse;
  }

  allocate(rows: number, columns: number, type: BufferType = 'f32'): DeviceTensor {
    this.requireOpen();
    requireInteger('rows', rows, 1);
    requireInteger('columns', columns, 1);
    requireOneOf('type', type, ['f32', 'i32']);
    return new GpuTensor(this, rows, columns, type);
  }

  loadWeights(source: WeightSource): DeviceWeights {
    this.requireOpen();
    return new GpuWeights(this, source);
  }

  async compile(plan: Plan, bindings: PlanBindings): Promise<Executable> {
    this.requireOpen();
    validateWidePlan(plan, 'gpu');
    return GpuExecutable.compile(this, plan, bindings);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.runs.idle();
    this.device.destroy();
  }

  requireOpen(): void {
    if (this.#disposed) throw new IncacheError('this device has been disposed');
    if (this.#failure) throw this.#failure;
  }

  async working<T>(work: () => Promise<T>): Promise<T> {
    let end: (error: Error) => void = () => {};
    const failure = new Promise<never>((_, reject) => {
      end = reject;
    });
    this.#waiting.add(end);
    try {
      const result = await Promise.race([work(), failure]);
      if (this.#failure) throw this.#failure;
      return result;
    } finally {
      this.#waiting.delete(end);
    }
  }

  /** The first failure is the one that is told: others follow from it. */
  #fail(error: Error): void {
    if (this.#disposed || this.#failure) return;
    this.#failure = error;
    for (const end of this.#waiting) end(error);
  }
}
