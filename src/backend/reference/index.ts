/** The reference backend: every operation in float64 TypeScript, written to be read. The oracle, not for use. */

import { usableMemory } from '#platform/machineLimits';
import { IncacheError, requireOneOf } from '../../errors.js';
import { splitBatches } from '../../plan/batches.js';
import type { BufferType, Plan, PlanBuffer } from '../../plan/types.js';
import { validatePlan } from '../../plan/validate.js';
import type {
  Backend,
  Device,
  DeviceTensor,
  DeviceWeights,
  Executable,
  PlanBindings,
  WeightSource,
} from '../backend.js';
import { bindTensors } from '../bindings.js';
import { roundRowE4m3 } from '../e4m3.js';
import { isSliceOver, turn } from '../eventLoop.js';
import { requireFinite } from '../finite.js';
import { rounding } from '../half.js';
import { RunQueue } from '../runQueue.js';
import { asFloat32, withWeight } from '../weightValues.js';
import { runOp } from './dispatch.js';
import { type BufferData, matrixOf } from './matrix.js';

export const referenceBackend: Backend = {
  name: 'reference',
  precisions: ['f32'],
  status: () => ({
    name: 'reference',
    available: true,
    detail: 'TypeScript, float64, 1 thread: the oracle, slow',
  }),
  open: async (options = {}) => {
    // Threads are of no consequence; a precision that it does not have would be.
    requireOneOf('weights', options.weights ?? 'f32', ['f32']);
    return new ReferenceDevice();
  },
};

class ReferenceTensor implements DeviceTensor {
  readonly data: Float64Array;
  readonly #device: ReferenceDevice;
  #disposed = false;

  constructor(
    device: ReferenceDevice,
    readonly rows: number,
    readonly columns: number,
    readonly type: BufferType,
  ) {
    this.#device = device;
    this.data = new Float64Array(rows * columns);
    device.memoryInUse += this.data.byteLength;
  }

  async write(data: Float32Array | Int32Array): Promise<void> {
    this.requireAlive();
    if (data.length !== this.data.length)
      throw new IncacheError(`writing ${data.length} elements to a tensor of ${this.rows} x ${this.columns}`);
    const values = this.#device.runs.keep(data);
    await this.#device.runs.copy(() => this.#set(values));
  }

  async read(): Promise<Float32Array | Int32Array> {
    this.requireAlive();
    return this.#device.runs.copy(() => {
      this.requireAlive();
      return this.type === 'i32' ? Int32Array.from(this.data) : Float32Array.from(this.data);
    });
  }

  #set(data: Float32Array | Int32Array): void {
    this.requireAlive();
    const round = rounding(this.type);
    this.data.set(round ? new Float32Array(data).map(round) : data);
    if (this.type === 'e4m3')
      for (let i = 0; i < this.rows; i++) roundRowE4m3(this.data, i * this.columns, this.columns);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#device.memoryInUse -= this.data.byteLength;
  }

  requireAlive(): void {
    if (this.#disposed) throw new IncacheError('this tensor has been disposed');
  }
}

class ReferenceWeights implements DeviceWeights {
  bytes = 0;
  readonly #source: WeightSource;
  readonly #tensors = new Map<string, Float64Array>();
  /** Plans that are compiled at once load one after another, so that one finds what another has read. */
  readonly #loads = new RunQueue();

  constructor(source: WeightSource) {
    this.#source = source;
  }

  tensor(buffer: PlanBuffer): Promise<Float64Array> {
    return this.#loads.add(() => this.#load(buffer));
  }

  async #load(buffer: PlanBuffer): Promise<Float64Array> {
    const { name } = buffer;
    const known = this.#tensors.get(name);
    if (known) return known;
    const values = await withWeight(this.#source, buffer, (given) => asFloat32(given));
    requireFinite(name, values);
    const tensor = new Float64Array(values);
    this.#tensors.set(name, tensor);
    this.bytes += tensor.byteLength;
    return tensor;
  }

  release(prefix: string): void {
    for (const [name, tensor] of this.#tensors) {
      if (!name.startsWith(prefix)) continue;
      this.#tensors.delete(name);
      this.bytes -= tensor.byteLength;
    }
  }

  dispose(): void {
    this.#tensors.clear();
    this.bytes = 0;
  }
}

class ReferenceDevice implements Device {
  readonly backend = 'reference';
  readonly threads = 1;
  readonly activations = 'f32';
  readonly arithmetic = 'f64';
  readonly memoryLimit = usableMemory();
  memoryInUse = 0;
  readonly runs = new RunQueue();
  #disposed = false;

  allocate(rows: number, columns: number, type: BufferType = 'f32'): DeviceTensor {
    this.#requireOpen();
    return new ReferenceTensor(this, rows, columns, type);
  }

  loadWeights(source: WeightSource): DeviceWeights {
    this.#requireOpen();
    return new ReferenceWeights(source);
  }

  async compile(plan: Plan, bindings: PlanBindings): Promise<Executable> {
    this.#requireOpen();
    const weights = bindings.weights as ReferenceWeights;
    validatePlan(plan);
    const tensors = bindTensors(plan, bindings) as (ReferenceTensor | undefined)[];
    const buffers: BufferData[] = [];
    for (const [id, buffer] of plan.buffers.entries()) {
      const { role, type, rows, columns } = buffer;
      const own = role === 'weight' ? await weights.tensor(buffer) : tensors[id]?.data;
      buffers.push({ data: own ?? new Float64Array(rows * columns), type, columns });
    }
    const parts = plan.ops.flatMap(({ op }) => splitBatches(op));
    let disposed = false;
    const requireAlive = () => {
      this.#requireOpen();
      if (disposed) throw new IncacheError(`plan '${plan.name}' has been disposed`);
      for (const tensor of tensors) tensor?.requireAlive();
    };
    const run = async (signal?: AbortSignal) => {
      if (isSliceOver()) await turn();
      requireAlive();
      for (const op of parts) {
        if (isSliceOver()) await turn();
        signal?.throwIfAborted();
        runOp(op, (view) => matrixOf(buffers[view.buffer]!, view));
      }
    };
    return {
      run: (signal) => this.runs.add(() => run(signal)),
      dispose: () => {
        disposed = true;
      },
    };
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.runs.idle();
  }

  #requireOpen(): void {
    if (this.#disposed) throw new IncacheError('this device has been disposed');
  }
}
