/** A compiled plan: a list of dispatches with everything that they are given, recorded anew for each run. */
import { IncacheError } from '../../errors.js';
import { splitBatches } from '../../plan/batches.js';
import type { Plan, PlanStep, View } from '../../plan/types.js';
import type { Executable, PlanBindings } from '../backend.js';
import { bindTensors } from '../bindings.js';
import { isSliceOver, turn } from '../eventLoop.js';
import { requireIndices } from './checks.js';
import type { GpuHost } from './host.js';
import type { Dispatch } from './kernel.js';
import { Lowering } from './lowering.js';
import { lower } from './operations/index.js';
import { FIRST_OPERAND, OUTPUT_BINDING, PARAMS_BINDING, shaderOf, writeParams } from './shader.js';
import { temporarySlots } from './temporaries.js';
import { GpuTensor } from './tensor.js';
import type { GPUBindGroup, GPUBuffer, GPUComputePipeline } from './webgpu.js';
import { GpuWeights, type LoadedWeight } from './weights.js';

/** Bytes from one dispatch's numbers to the next: what every device can bind. */
const PARAMS_BYTES = 256;

/**
 * Dispatches of one submission. Systems end a GPU's work that takes seconds at a stretch, and a signal is looked at
 * in between.
 */
const SUBMISSION = 64;

interface Step {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly groups: Dispatch['groups'];
}

export class GpuExecutable implements Executable {
  readonly #host: GpuHost;
  readonly #plan: Plan;
  readonly #weights: GpuWeights;
  readonly #tensors: readonly (GpuTensor | undefined)[];
  /** The plan's operations, those with batched views in parts. */
  readonly #parts: readonly PlanStep[];
  #loaded: readonly LoadedWeight[] = [];
  #steps: readonly Step[] = [];
  readonly #own: GPUBuffer[] = [];
  readonly #shared = new Set<GPUBuffer>();
  #disposed = false;

  static async compile(host: GpuHost, plan: Plan, bindings: PlanBindings): Promise<GpuExecutable> {
    const executable = new GpuExecutable(host, plan, bindings);
    try {
      await host.working(() => executable.#build());
      return executable;
    } catch (error) {
      executable.dispose();
      throw error;
    }
  }

  private constructor(host: GpuHost, plan: Plan, bindings: PlanBindings) {
    this.#host = host;
    this.#plan = plan;
    const { weights } = bindings;
    if (!(weights instanceof GpuWeights) || weights.host !== host)
      throw new IncacheError('these weights were not loaded by this device');
    weights.requireAlive();
    this.#weights = weights;
    this.#tensors = bindTensors(plan, bindings).map((tensor, id) => {
      if (!tensor) return undefined;
      if (!(tensor instanceof GpuTensor) || tensor.host !== host)
        throw new IncacheError(
          `the tensor bound to '${plan.buffers[id]!.name}' was not allocated by this device`,
        );
      tensor.requireAlive();
      return tensor;
    });
    this.#parts = plan.ops.flatMap((step) => splitBatches(step.op).map((op) => ({ ...step, op })));
  }

  async run(signal?: AbortSignal): Promise<void> {
    const { runs, memory, device } = this.#host;
    // The next in turn may be submitted before this has ended: the device keeps the order.
    await runs.add(() => memory.during(() => this.#host.working(() => this.#submit(signal))));
    await this.#host.working(() => device.queue.onSubmittedWorkDone());
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of this.#own.splice(0)) this.#host.memory.free(buffer);
    this.#host.shared.giveBack(this.#shared);
  }

  async #build(): Promise<void> {
    const temporaries = temporarySlots(this.#plan);
    const slots = this.#plan.buffers.map((_, id) => this.#tensors[id]?.slot ?? temporaries.of[id]);
    const at = new Lowering(this.#host.forms, this.#plan.buffers, slots, this.#host.constants);
    for (const { op } of this.#parts) lower(op, at);
    this.#loaded = await this.#weights.load(at.weights);
    this.#host.requireOpen();
    // The largest first, so that a small one does not take the buffer that a large one could have.
    const passing = [...temporaries.all, ...Object.values(at.scratchSlots)].sort((a, b) => b.bytes - a.bytes);
    for (const slot of passing) slot.buffer = this.#host.shared.take(slot.bytes, this.#shared);
    for (const { slot, values } of at.tables) {
      slot.buffer = this.#host.memory.storage(values.byteLength);
      this.#own.push(slot.buffer);
      this.#host.device.queue.writeBuffer(slot.buffer, 0, values);
    }
    const params = this.#writeParams(at.dispatches);
    this.#steps = await Promise.all(at.dispatches.map((dispatch, i) => this.#step(dispatch, params, i)));
  }

  #writeParams(dispatches: readonly Dispatch[]): GPUBuffer {
    const { memory, device } = this.#host;
    const bytes = new Uint8Array(dispatches.length * PARAMS_BYTES);
    for (const [i, dispatch] of dispatches.entries())
      writeParams(dispatch, new DataView(bytes.buffer, i * PARAMS_BYTES, PARAMS_BYTES));
    const buffer = memory.uniform(bytes.byteLength);
    this.#own.push(buffer);
    device.queue.writeBuffer(buffer, 0, bytes);
    return buffer;
  }

  async #step(dispatch: Dispatch, params: GPUBuffer, place: number): Promise<Step> {
    const { device, pipelines } = this.#host;
    const { text, bound } = shaderOf(dispatch);
    const { pipeline, layout } = await pipelines.get(text, bound.length, dispatch.kernel.name);
    const buffers = [dispatch.out.slot, ...bound.map((name) => dispatch.operands[name]!.slot)];
    const group = device.createBindGroup({
      layout,
      entries: [
        {
          binding: PARAMS_BINDING,
          resource: { buffer: params, offset: place * PARAMS_BYTES, size: PARAMS_BYTES },
        },
        ...buffers.map((slot, i) => ({
          binding: i === 0 ? OUTPUT_BINDING : FIRST_OPERAND + i - 1,
          resource: { buffer: slot.buffer! },
        })),
      ],
    });
    return { pipeline, group, groups: dispatch.groups };
  }

  async #submit(signal?: AbortSignal): Promise<void> {
    if (isSliceOver()) await turn();
    this.#requireAlive();
    signal?.throwIfAborted();
    requireIndices(this.#parts, (view) => this.#integers(view));
    const { device } = this.#host;
    for (let first = 0; first < this.#steps.length; first += SUBMISSION) {
      if (first > 0 && signal) {
        await device.queue.onSubmittedWorkDone();
        signal.throwIfAborted();
      }
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (const { pipeline, group, groups } of this.#steps.slice(first, first + SUBMISSION)) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...groups);
      }
      pass.end();
      device.queue.submit([encoder.finish()]);
    }
  }

  /** What the host wrote to a view of an `i32` tensor. */
  #integers({ buffer, row, rows }: View): readonly number[] {
    return [...this.#tensors[buffer]!.integers!.subarray(row, row + rows)];
  }

  #requireAlive(): void {
    this.#host.requireOpen();
    if (this.#disposed) throw new IncacheError(`plan '${this.#plan.name}' has been disposed`);
    this.#weights.requireAlive();
    const freed = this.#loaded.find((weight) => weight.freed);
    if (freed)
      throw new IncacheError(`weight '${freed.name}' of plan '${this.#plan.name}' has been released`);
    for (const tensor of this.#tensors) tensor?.requireAlive();
  }
}
