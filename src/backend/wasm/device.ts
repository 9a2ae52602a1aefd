/** A device of the wasm backend: one memory, one instance on this thread, and workers on the others. */
import { IncacheError, requireInteger, requireOneOf } from '../../errors.js';
import type { BufferType, Plan } from '../../plan/types.js';
import type {
  Device,
  DeviceOptions,
  DeviceTensor,
  DeviceWeights,
  Executable,
  PlanBindings,
  WeightSource,
} from '../backend.js';
import { isSliceOver, turn } from '../eventLoop.js';
import { RunQueue } from '../runQueue.js';
import { defaultThreads } from '../threads.js';
import { validateWidePlan } from '../widePlan.js';
import { Arenas } from './arenas.js';
import { CONTROL } from './control.js';
import { type ExecutionHost, WasmExecutable } from './executable.js';
import { detectFeatures, type Features } from './features.js';
import { instantiate } from './instantiate.js';
import { DeviceMemory, MAXIMUM_PAGES } from './memory.js';
import { loadModule } from './modules.js';
import { Pool } from './pool.js';
import type { Program } from './program.js';
import { type Failure, Runner, type Scratch } from './runner.js';
import { chooseStrip } from './strip.js';
import { WasmTensor } from './tensor.js';
import { roundUp } from './tiling.js';
import { WasmWeights } from './weights.js';

/** The run number shares a word with the thread count, which has eight bits of it. */
export const MOST_THREADS = 255;

/** What tests set besides the options. */
export interface DeviceOverrides {
  readonly features?: Features;
  readonly maximumPages?: number;
  /** Threads where the options do not say. */
  readonly processors?: number;
  /** Rows of the micro-kernel's strips, instead of the fastest. */
  readonly strip?: number;
}

/** Opens a device: with one thread, or where memory cannot be shared, on the unshared build. */
export async function openWasmDevice(
  options: DeviceOptions = {},
  overrides: DeviceOverrides = {},
): Promise<WasmDevice> {
  const features = overrides.features ?? detectFeatures();
  const asked = options.threads ?? overrides.processors ?? defaultThreads(MOST_THREADS);
  requireInteger('threads', asked, 1, MOST_THREADS);
  const weights = options.weights ?? 'f32';
  requireOneOf('weights', weights, ['f32', 'int8']);
  const threads = features.shared ? asked : 1;
  const module = await loadModule(features, threads > 1);
  const memory = new DeviceMemory(threads > 1, overrides.maximumPages ?? MAXIMUM_PAGES);
  // Workers take a while to start: they do while the strip is chosen, and join runs when they are there.
  const start = { module, memory: memory.memory };
  const pool = threads > 1 ? new Pool(threads - 1, start, options.threads !== undefined) : undefined;
  try {
    const kernels = instantiate(module, memory.memory);
    const strip = overrides.strip ?? chooseStrip(module, kernels, memory);
    memory.view().setUint32(CONTROL.strip, strip, true);
    return new WasmDevice(
      memory,
      new Runner(memory, kernels, pool),
      pool,
      strip,
      weights === 'int8',
      features.relaxed,
    );
  } catch (error) {
    await pool?.close();
    throw error;
  }
}

export class WasmDevice implements Device, ExecutionHost {
  readonly backend = 'wasm';
  readonly activations = 'f32';
  readonly arithmetic: string;
  readonly threads: number;
  #scratch: Scratch = { address: 0, stride: 0 };
  readonly runs = new RunQueue();
  readonly arenas = new Arenas({
    allocate: (bytes) => this.memory.allocate(bytes),
    release: (address) => this.release(address),
  });
  #running = false;
  /** Blocks freed during a run, which may still use them. */
  #retired: number[] = [];
  #disposed = false;
  readonly #runner: Runner;

  constructor(
    readonly memory: DeviceMemory,
    runner: Runner,
    readonly pool: Pool | undefined,
    readonly strip: number,
    readonly int8: boolean,
    relaxed: boolean,
  ) {
    this.arithmetic = `${int8 ? 'int8' : 'f32'} ${relaxed ? 'relaxed SIMD' : 'SIMD'}`;
    this.#runner = runner;
    this.threads = 1 + (pool?.workers.length ?? 0);
  }

  get memoryLimit(): number {
    return this.memory.limit;
  }

  get memoryInUse(): number {
    return this.memory.inUse;
  }

  allocate(rows: number, columns: number, type: BufferType = 'f32'): DeviceTensor {
    this.requireOpen();
    requireInteger('rows', rows, 1);
    requireInteger('columns', columns, 1);
    requireOneOf('type', type, ['f32', 'i32']);
    return new WasmTensor(this, rows, columns, type);
  }

  loadWeights(source: WeightSource): DeviceWeights {
    this.requireOpen();
    return new WasmWeights(this, source);
  }

  async compile(plan: Plan, bindings: PlanBindings): Promise<Executable> {
    this.requireOpen();
    // The kernels trust their arguments: nothing unchecked may reach them.
    validateWidePlan(plan, 'wasm');
    return WasmExecutable.compile(this, plan, bindings);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.runs.idle();
    await this.pool?.close();
  }

  requireOpen(): void {
    if (this.#disposed) throw new IncacheError('this device has been disposed');
  }

  release(address: number): void {
    if (this.#running) this.#retired.push(address);
    else this.memory.free(address);
  }

  reserveScratch(bytes: number): void {
    if (bytes <= this.#scratch.stride) return;
    const stride = roundUp(bytes, 64);
    const address = this.memory.allocate(stride * this.threads);
    if (this.#scratch.stride > 0) this.release(this.#scratch.address);
    this.#scratch = { address, stride };
  }

  enqueue(program: Program, check: () => void, signal?: AbortSignal): Promise<Failure | undefined> {
    return this.runs.add(() => this.#run(program, check, signal));
  }

  async #run(program: Program, check: () => void, signal?: AbortSignal): Promise<Failure | undefined> {
    if (isSliceOver()) await turn();
    check();
    signal?.throwIfAborted();
    this.#running = true;
    try {
      return await this.#runner.run(program, this.#scratch, signal);
    } finally {
      this.#running = false;
      for (const address of this.#retired.splice(0)) this.memory.free(address);
    }
  }
}
