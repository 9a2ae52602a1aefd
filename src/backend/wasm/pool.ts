/**
 * The workers of a device. Each instantiates the device's module on the device's memory and then waits
 * inside it for runs; it is never asked anything by message. They never keep the process alive.
 */
import { startKernelThread } from '#platform/threads';
import type { KernelThread } from '../../platform/types.js';
import { threadsRefused } from '../threads.js';
import { CONTROL } from './control.js';

/** What a worker is started with. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

export class Pool {
  readonly workers: KernelThread[] = [];
  readonly #memory: WebAssembly.Memory;
  readonly #required: boolean;
  /** Workers that have ended before they could take part in a run. */
  #lost = 0;
  #failure: string | undefined;
  #closed = false;

  /**
   * Starts `count` workers. When the system gives fewer, the pool has fewer, unless they are `required`: then
   * it throws an `IncacheError` that tells how many there could be.
   */
  constructor(count: number, start: WorkerStart, required: boolean) {
    this.#memory = start.memory;
    this.#required = required;
    while (this.workers.length < count) {
      try {
        this.workers.push(this.#start(start));
      } catch (error) {
        if (!required) return;
        void this.close();
        throw threadsRefused(count + 1, this.workers.length + 1, (error as Error).message);
      }
    }
  }

  /** Workers that wait for runs by now. */
  get joined(): number {
    return Atomics.load(new Int32Array(this.#memory.buffer), CONTROL.joined / 4);
  }

  /** Why the pool cannot be used any more. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Resolves when every worker that could be started waits for runs. */
  async ready(): Promise<void> {
    while (this.joined + this.#lost < this.workers.length && this.#failure === undefined)
      await new Promise((resolve) => setTimeout(resolve, 1));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  #start(start: WorkerStart): KernelThread {
    let [joins, ended] = [false, false];
    return startKernelThread(start, {
      joined: () => {
        joins = true;
      },
      ended: (reason) => {
        if (!ended) this.#end(joins, reason);
        ended = true;
      },
    });
  }

  /** A worker has ended. Without one that never joined, runs have a thread less. */
  #end(joined: boolean, reason: string): void {
    if (this.#closed) return;
    if (joined || this.#required) this.#failure ??= reason;
    else this.#lost++;
  }
}
