/** A compiled plan: its program and its arena in the memory of the device. */
import { IncacheError } from '../../errors.js';
import { splitBatches } from '../../plan/batches.js';
import { layoutTemporaries } from '../../plan/layout.js';
import type { Op, Plan, PlanStep, View } from '../../plan/types.js';
import type { Executable, PlanBindings } from '../backend.js';
import { bindTensors } from '../bindings.js';
import type { Arena, Arenas } from './arenas.js';
import type { MemoryHost } from './memory.js';
import type { Placement } from './operation.js';
import { encode } from './operations/index.js';
import { type Program, writeProgram } from './program.js';
import type { Failure } from './runner.js';
import { WasmTensor } from './tensor.js';
import { panelsKey, plainKey, quantizedKey, takesInt8 } from './weightForms.js';
import { type PackedWeight, WasmWeights } from './weights.js';

/** What an executable needs of its device. */
export interface ExecutionHost extends MemoryHost {
  readonly threads: number;
  readonly strip: number;
  readonly int8: boolean;
  readonly arenas: Arenas;
  /** Makes the threads' scratch regions large enough. */
  reserveScratch(bytes: number): void;
  /** Runs a program when those before it have ended; `check` throws if it may no longer run. */
  enqueue(program: Program, check: () => void, signal?: AbortSignal): Promise<Failure | undefined>;
}

export class WasmExecutable implements Executable {
  readonly #host: ExecutionHost;
  readonly #plan: Plan;
  readonly #weights: WasmWeights;
  readonly #packed: readonly PackedWeight[];
  readonly #tensors: readonly (WasmTensor | undefined)[];
  readonly #arena: Arena;
  /** The plan's operations, those with batched views in parts. */
  readonly #parts: readonly PlanStep[];
  readonly #program: Program;
  #disposed = false;

  /** Loads the weights that the plan lacks, then binds it. Rejects when a binding does not fit it. */
  static async compile(host: ExecutionHost, plan: Plan, bindings: PlanBindings): Promise<WasmExecutable> {
    const weights = ownWeights(host, bindings);
    bindTensors(plan, bindings);
    const packed = await weights.load(plan, host.int8);
    return new WasmExecutable(host, plan, bindings, packed);
  }

  private constructor(
    host: ExecutionHost,
    plan: Plan,
    bindings: PlanBindings,
    packed: readonly PackedWeight[],
  ) {
    host.requireOpen();
    this.#host = host;
    this.#plan = plan;
    this.#packed = packed;
    this.#parts = plan.ops.flatMap((step) => splitBatches(step.op).map((op) => ({ ...step, op })));
    this.#weights = ownWeights(host, bindings);
    this.#tensors = bindTensors(plan, bindings).map(
      (tensor, id) => tensor && ownTensor(host, plan.buffers[id]!.name, tensor),
    );
    const { offsets, arenaBytes } = layoutTemporaries(plan);
    this.#arena = host.arenas.take(arenaBytes);
    try {
      const placement = this.#placement(offsets);
      this.#program = writeProgram(
        this.#parts.map(({ op }) => encode(op, placement)),
        host.memory,
      );
    } catch (error) {
      host.arenas.giveBack(this.#arena);
      throw error;
    }
    try {
      host.reserveScratch(this.#program.scratchBytes);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  async run(signal?: AbortSignal): Promise<void> {
    const failure = await this.#host.enqueue(this.#program, () => this.#requireAlive(), signal);
    if (failure) throw new IncacheError(describe(this.#parts, failure));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#host.arenas.giveBack(this.#arena);
    this.#host.release(this.#program.address);
  }

  #requireAlive(): void {
    this.#host.requireOpen();
    if (this.#disposed) throw new IncacheError(`plan '${this.#plan.name}' has been disposed`);
    this.#weights.requireAlive();
    const freed = this.#packed.find((packed) => packed.freed);
    if (freed)
      throw new IncacheError(`weight '${freed.name}' of plan '${this.#plan.name}' has been released`);
    for (const tensor of this.#tensors) tensor?.requireAlive();
  }

  #placement(offsets: readonly (number | undefined)[]): Placement {
    const plan = this.#plan;
    const bases = plan.buffers.map((_, id) => {
      const offset = offsets[id];
      return this.#tensors[id]?.address ?? (offset === undefined ? undefined : this.#arena.address + offset);
    });
    const base = (view: View) => bases[view.buffer] ?? this.#weights.find(plainKey(bufferOf(view))).address;
    const bufferOf = (view: View) => plan.buffers[view.buffer]!;
    return {
      threads: this.#host.threads,
      strip: this.#host.strip,
      stride: (view) => bufferOf(view).columns * 4,
      address: (view) => base(view) + (view.row * bufferOf(view).columns + view.column) * 4,
      panels: (view, taps) => this.#weights.find(panelsKey(bufferOf(view), view, taps)).address,
      quantized: (op) => this.#quantized(op),
    };
  }

  #quantized(op: Op): { panels: number; scales: number } | undefined {
    if (!this.#host.int8 || op.op !== 'linear' || !takesInt8(this.#plan, op)) return undefined;
    const key = quantizedKey(this.#plan.buffers[op.weight.buffer]!, op.weight);
    const { address, scales } = this.#weights.find(key);
    return { panels: address, scales };
  }
}

function ownWeights(host: ExecutionHost, { weights }: PlanBindings): WasmWeights {
  if (!(weights instanceof WasmWeights) || weights.host !== host)
    throw new IncacheError('these weights were not loaded by this device');
  weights.requireAlive();
  return weights;
}

function ownTensor(host: ExecutionHost, name: string, tensor: unknown): WasmTensor {
  if (!(tensor instanceof WasmTensor) || tensor.host !== host)
    throw new IncacheError(`the tensor bound to '${name}' was not allocated by this device`);
  tensor.requireAlive();
  return tensor;
}

/** What a kernel reported, as a sentence. */
function describe(parts: readonly PlanStep[], { operation, row, value }: Failure): string {
  const { layer, op } = parts[operation]!;
  const where = layer ? ` of ${layer}` : '';
  if (op.op === 'gatherRows')
    return `gatherRows${where}: index ${row} is ${value}; expected a row from 0 to ${op.table.rows - 1}`;
  if (op.op === 'attention')
    return `attention${where}: key length ${row} is ${value}; expected one from 1 to ${op.keyLength}`;
  return `${op.op}${where}: row ${row} holds ${value}, which cannot be used`;
}
