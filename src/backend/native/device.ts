/** A device of libincache: the processor (backend `native`) or a GPU (`cuda`). */

import { usableMemory } from '#platform/machineLimits';
import { IncacheError, requireInteger, requireOneOf } from '../../errors.js';
import { serializePlan } from '../../plan/file.js';
import { type BufferType, type FloatType, type Plan, ROW_SCALED_TYPES } from '../../plan/types.js';
import type {
  Device,
  DeviceOptions,
  DeviceTensor,
  DeviceWeights,
  Executable,
  PlanBindings,
  WeightSource,
} from '../backend.js';
import { bindTensors } from '../bindings.js';
import { RunQueue } from '../runQueue.js';
import type { Binding, DeviceHandle } from './binding.js';
import { native } from './errors.js';
import { NativeExecutable } from './executable.js';
import { type NativeHost, NativeTensor } from './tensor.js';
import { NativeWeights } from './weights.js';

interface Disposing {
  dispose(): void;
}

export const MOST_THREADS = 1024;
/** As many threads as this process may use and the system gives: chosen by libincache. */
const CHOOSE = 0;

/** What libincache calls a device, and the backend that it serves. */
export interface NativeDeviceName {
  readonly backend: string;
  /** That of incache_device_open. */
  readonly device: string;
  readonly precisions: readonly FloatType[];
  /** Weights where the options do not say. */
  readonly weights: FloatType;
}

export class NativeDevice implements Device, NativeHost {
  readonly backend: string;
  readonly threads: number;
  /** With 16-bit weights, what lies between products is of their type too: half the memory to move. */
  readonly activations: FloatType;
  readonly arithmetic: string;
  readonly memoryLimit: number;
  readonly binding: Binding;
  readonly #precisions: readonly FloatType[];
  readonly #handle: DeviceHandle;
  readonly runs = new RunQueue();
  #open = true;
  /** What has to go with the device, unless it was dropped before. */
  readonly #held = new Set<WeakRef<Disposing>>();
  readonly #dropped = new FinalizationRegistry<WeakRef<Disposing>>((held) => this.#held.delete(held));

  /** Throws an `ArgumentError` for a precision that it does not have and for threads outside of 1 to 1024. */
  constructor(binding: Binding, name: NativeDeviceName, options: DeviceOptions) {
    const weights = options.weights ?? name.weights;
    requireOneOf('weights', weights, name.precisions);
    const { threads = CHOOSE } = options;
    if (options.threads !== undefined) requireInteger('threads', threads, 1, MOST_THREADS);
    this.backend = name.backend;
    this.#precisions = name.precisions;
    this.binding = binding;
    this.activations = weights;
    this.#handle = native(() => binding.openDevice(threads, weights, name.device));
    this.threads = binding.deviceThreads(this.#handle);
    this.memoryLimit = binding.describeDevice(name.device).memory || usableMemory();
    this.arithmetic = `${weights} ${this.instructionSet}`;
  }

  get memoryInUse(): number {
    return this.#open ? this.binding.deviceMemory(this.#handle) : 0;
  }

  /** Name of the instruction set of its kernels, as `amx`, `avx512bf16` or `sm_90`. */
  get instructionSet(): string {
    this.requireOpen();
    return this.binding.deviceInstructionSet(this.#handle);
  }

  /** Runs multiply-adds on registers, on this thread; returns how many floating-point operations they were. */
  peak(type: FloatType, rounds: number): number {
    this.requireOpen();
    return native(() => this.binding.devicePeak(this.#handle, type, rounds));
  }

  allocate(rows: number, columns: number, type: BufferType = 'f32'): DeviceTensor {
    this.requireOpen();
    requireInteger('rows', rows, 1);
    requireInteger('columns', columns, 1);
    requireOneOf('type', type, [...this.#precisions, ...ROW_SCALED_TYPES, 'i32']);
    const handle = native(() => this.binding.createBuffer(this.#handle, rows, columns, type));
    return this.#hold(new NativeTensor(this, handle, rows, columns, type));
  }

  loadWeights(source: WeightSource): DeviceWeights {
    this.requireOpen();
    const handle = native(() => this.binding.createWeights(this.#handle));
    return this.#hold(new NativeWeights(this, handle, source));
  }

  async compile(plan: Plan, bindings: PlanBindings): Promise<Executable> {
    this.requireOpen();
    const weights = this.#ownWeights(bindings.weights);
    const names: string[] = [];
    const tensors: NativeTensor[] = [];
    for (const [id, tensor] of bindTensors(plan, bindings).entries()) {
      if (!tensor) continue;
      const { name } = plan.buffers[id]!;
      names.push(name);
      tensors.push(this.#ownTensor(name, tensor));
    }
    const parsed = native(() => this.binding.parsePlan(serializePlan(plan)));
    try {
      await weights.load(plan, parsed);
      const uses = [weights, ...tensors];
      // A GPU that is waited for takes no plan meanwhile.
      const handle = await this.runs.copy(() => {
        for (const used of uses) used.requireAlive();
        const buffers = tensors.map((tensor) => tensor.handle);
        return native(() =>
          this.binding.createExecutable(this.#handle, parsed, weights.handle, names, buffers),
        );
      });
      return this.#hold(new NativeExecutable(this, handle, plan.name, uses));
    } finally {
      this.binding.destroyPlan(parsed);
    }
  }

  async dispose(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.runs.idle();
    for (const held of this.#held) held.deref()?.dispose();
    this.binding.closeDevice(this.#handle);
  }

  requireOpen(): void {
    if (!this.#open) throw new IncacheError('this device has been disposed');
  }

  #hold<T extends Disposing>(made: T): T {
    const held = new WeakRef(made);
    this.#held.add(held);
    this.#dropped.register(made, held);
    return made;
  }

  #ownWeights(weights: DeviceWeights): NativeWeights {
    if (!(weights instanceof NativeWeights) || weights.host !== this)
      throw new IncacheError('these weights were not loaded by this device');
    weights.requireAlive();
    return weights;
  }

  #ownTensor(name: string, tensor: DeviceTensor): NativeTensor {
    if (!(tensor instanceof NativeTensor) || tensor.host !== this)
      throw new IncacheError(`the tensor bound to '${name}' was not allocated by this device`);
    tensor.requireAlive();
    return tensor;
  }
}
