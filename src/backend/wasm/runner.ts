/** Starts programs on all threads of a device and looks after the threads while they run. */
import { IncacheError } from '../../errors.js';
import { sliceEnd, turn } from '../eventLoop.js';
import { CONTROL } from './control.js';
import type { KernelExports } from './instantiate.js';
import type { DeviceMemory } from './memory.js';
import type { Pool } from './pool.js';
import type { Program } from './program.js';

/** A value that an operation cannot use, as its kernel reported it. */
export interface Failure {
  /** Place of the operation in the program. */
  readonly operation: number;
  readonly row: number;
  readonly value: number;
}

/** Scratch regions of all threads, one after another. */
export interface Scratch {
  readonly address: number;
  readonly stride: number;
}

/** What `run` and `resume` of the kernels return when all threads have left the run. */
const DONE = 0;
/** More tiles than any operation has, so that no thread finds another one. */
const NO_TILES = 2 ** 30;

export class Runner {
  readonly #memory: DeviceMemory;
  readonly #kernels: KernelExports;
  readonly #pool: Pool | undefined;

  constructor(memory: DeviceMemory, kernels: KernelExports, pool: Pool | undefined) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.#pool = pool;
  }

  /**
   * Runs a program to its end, or to the operation that reports a failure. Between slices of computing it returns to the event
   * loop; workers go on meanwhile. Rejects with the reason of `signal` when that is aborted.
   */
  async run(program: Program, scratch: Scratch, signal?: AbortSignal): Promise<Failure | undefined> {
    this.#requireThreads();
    this.#prepare(program, scratch);
    let state = this.#kernels.run(this.#startThreads(), sliceEnd());
    while (state !== DONE) {
      await turn();
      this.#requireThreads();
      if (signal?.aborted) this.#stop();
      state = this.#kernels.resume(sliceEnd());
    }
    signal?.throwIfAborted();
    return this.#failure();
  }

  /** Sets the words of the control block that say what to run. */
  #prepare(program: Program, scratch: Scratch): void {
    const view = this.#memory.view();
    view.setUint32(CONTROL.program, program.address, true);
    view.setUint32(CONTROL.operations, program.operations, true);
    view.setUint32(CONTROL.scratch, scratch.address, true);
    view.setUint32(CONTROL.scratchStride, scratch.stride, true);
    view.setUint32(CONTROL.failure, 0, true);
    view.setUint32(CONTROL.stop, 0, true);
    view.setUint32(CONTROL.tile, 0, true);
    view.setUint32(CONTROL.pages, this.#memory.pages, true);
  }

  /** Calls on the workers that have joined by now; returns how many threads take part. */
  #startThreads(): number {
    if (!this.#pool) return 1;
    const words = new Int32Array(this.#memory.memory.buffer);
    const threads = 1 + this.#pool.joined;
    const run = (Atomics.load(words, CONTROL.epoch / 4) >>> 8) + 1;
    Atomics.store(words, CONTROL.epoch / 4, (run << 8) | threads);
    Atomics.notify(words, CONTROL.epoch / 4);
    return threads;
  }

  /** Makes all threads leave the run at the next barrier, and come there without taking another tile. */
  #stop(): void {
    const words = new Int32Array(this.#memory.memory.buffer);
    // In this order: a thread that opens the next operation, and with it its tiles, looks at `stop` afterwards.
    Atomics.store(words, CONTROL.stop / 4, 1);
    Atomics.store(words, CONTROL.tile / 4, NO_TILES);
  }

  /** Throws when a worker has died, after telling those that wait for it to leave the run. */
  #requireThreads(): void {
    if (this.#pool?.failure === undefined) return;
    const words = new Int32Array(this.#memory.memory.buffer);
    Atomics.store(words, CONTROL.phase / 4, (Atomics.load(words, CONTROL.phase / 4) + 2) | 1);
    Atomics.notify(words, CONTROL.phase / 4);
    throw new IncacheError(
      `a thread of the wasm backend has died (${this.#pool.failure}); open a new device to go on`,
    );
  }

  #failure(): Failure | undefined {
    const view = this.#memory.view();
    const operation = view.getUint32(CONTROL.failure, true);
    if (operation === 0) return undefined;
    return {
      operation: operation - 1,
      row: view.getInt32(CONTROL.failurePlace, true),
      value: view.getInt32(CONTROL.failureValue, true),
    };
  }
}
