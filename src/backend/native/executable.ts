/** A plan bound by the addon; its runs take turns with the others of the device. */
import { IncacheError } from '../../errors.js';
import type { Executable } from '../backend.js';
import type { CancellationHandle, ExecutableHandle } from './binding.js';
import { nativeAsync } from './errors.js';
import type { NativeHost } from './tensor.js';

export class NativeExecutable implements Executable {
  #disposed = false;

  constructor(
    readonly host: NativeHost,
    readonly handle: ExecutableHandle,
    readonly plan: string,
    readonly uses: readonly { requireAlive(): void }[],
  ) {}

  async run(signal?: AbortSignal): Promise<void> {
    this.#requireAlive();
    await this.host.runs.add(async () => {
      this.#requireAlive();
      await (signal ? this.#runUntil(signal) : this.#run());
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.host.binding.destroyExecutable(this.handle);
  }

  #run(cancellation?: CancellationHandle): Promise<void> {
    return nativeAsync(() => this.host.binding.runExecutable(this.handle, cancellation));
  }

  async #runUntil(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { binding } = this.host;
    const cancellation = binding.createCancellation();
    const cancel = () => binding.cancel(cancellation);
    signal.addEventListener('abort', cancel);
    try {
      await this.#run(cancellation);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  #requireAlive(): void {
    this.host.requireOpen();
    if (this.#disposed) throw new IncacheError(`plan '${this.plan}' has been disposed`);
    for (const used of this.uses) used.requireAlive();
  }
}
