/** Buffers of temporaries and scratch. Runs of a device never overlap, so that its plans use the same ones in turn. */
import type { GpuMemory } from './memory.js';
import type { GPUBuffer } from './webgpu.js';

export class SharedBuffers {
  readonly #memory: GpuMemory;
  readonly #users = new Map<GPUBuffer, number>();

  constructor(memory: GpuMemory) {
    this.#memory = memory;
  }

  /**
   * One of at least so many bytes that is not among `taken`, the smallest there is, else a new one; `taken` has it
   * then.
   */
  take(bytes: number, taken: Set<GPUBuffer>): GPUBuffer {
    const fitting = [...this.#users.keys()].filter((buffer) => buffer.size >= bytes && !taken.has(buffer));
    const smallest = fitting.sort((a, b) => a.size - b.size)[0];
    const buffer = smallest ?? this.#memory.storage(bytes);
    this.#users.set(buffer, (this.#users.get(buffer) ?? 0) + 1);
    taken.add(buffer);
    return buffer;
  }

  /** Frees those that no plan uses any more. */
  giveBack(taken: Set<GPUBuffer>): void {
    for (const buffer of taken) {
      const users = this.#users.get(buffer)! - 1;
      if (users > 0) this.#users.set(buffer, users);
      else {
        this.#users.delete(buffer);
        this.#memory.free(buffer);
      }
    }
    taken.clear();
  }
}
