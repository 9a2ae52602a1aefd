/**
 * The workers of a device. Each instantiates the device's module on the device's memory and then waits
 * inside it for runs; it is never asked anything by message. They never keep the process alive.
 */
import { Worker } from 'node:worker_threads';
import { CONTROL } from './control.js';

/** What a worker is started with. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

export class Pool {
  readonly workers: readonly Worker[];
  readonly #memory: WebAssembly.Memory;
  #failure: string | undefined;
  #closed = false;

  constructor(count: number, start: WorkerStart) {
    this.#memory = start.memory;
    this.workers = Array.from({ length: count }, () => this.#start(start));
  }

  /** Workers that wait for runs by now. */
  get joined(): number {
    return Atomics.load(new Int32Array(this.#memory.buffer), CONTROL.joined / 4);
  }

  /** Why the pool cannot be used any more. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Resolves when every worker waits for runs. */
  async ready(): Promise<void> {
    while (this.joined < this.workers.length && this.#failure === undefined)
      await new Promise((resolve) => setTimeout(resolve, 1));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  #start(workerData: WorkerStart): Worker {
    // The flags of the process are not for the worker: it has one file to load, and `--input-type` would break it.
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, execArgv: [] });
    worker.unref();
    worker.on('error', (error) => this.#fail(error.message));
    worker.on('exit', () => this.#fail('it exited'));
    return worker;
  }

  #fail(reason: string): void {
    if (!this.#closed) this.#failure ??= reason;
  }
}
