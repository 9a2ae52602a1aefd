/** Buffers of a device, and how many bytes they take. */
import { formatBytes, IncacheError, OutOfMemoryError } from '../../errors.js';
import { type GPUBuffer, type GPUDevice, type GPULimits, USAGE } from './webgpu.js';

export class GpuMemory {
  inUse = 0;
  /** Buffers freed during a run, which may still use them. */
  readonly #retired: GPUBuffer[] = [];
  #running = 0;

  constructor(
    readonly device: GPUDevice,
    readonly limits: GPULimits,
    /** Told of what WebGPU finds out later: an allocation that failed. */
    readonly fail: (error: Error) => void,
  ) {}

  /** A buffer for kernels, of zeros. */
  storage(bytes: number): GPUBuffer {
    const most = Math.min(this.limits.maxStorageBufferBindingSize, this.limits.maxBufferSize);
    if (bytes > most)
      throw new IncacheError(
        `a buffer of ${formatBytes(bytes)} was asked for; this adapter has buffers of at most ${formatBytes(most)}`,
      );
    return this.#create(bytes, USAGE.storage | USAGE.copySource | USAGE.copyTarget);
  }

  uniform(bytes: number): GPUBuffer {
    return this.#create(bytes, USAGE.uniform | USAGE.copyTarget);
  }

  /** A buffer that the host can read. */
  readable(bytes: number): GPUBuffer {
    return this.#create(bytes, USAGE.mapRead | USAGE.copyTarget);
  }

  free(buffer: GPUBuffer | undefined): void {
    if (!buffer) return;
    this.inUse -= buffer.size;
    if (this.#running > 0) this.#retired.push(buffer);
    else buffer.destroy();
  }

  /** Buffers that are freed meanwhile live until the end. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      if (this.#running === 0) for (const buffer of this.#retired.splice(0)) buffer.destroy();
    }
  }

  #create(bytes: number, usage: number): GPUBuffer {
    // Sizes of what is bound or copied are multiples of 16 here, so that four numbers at once fit too.
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const { device, inUse } = this;
    device.pushErrorScope('out-of-memory');
    const buffer = device.createBuffer({ size, usage });
    device.popErrorScope().then(
      (error) =>
        error && this.fail(new OutOfMemoryError(size, inUse, this.limits.maxBufferSize, 'the gpu device')),
      () => {},
    );
    this.inUse += size;
    return buffer;
  }
}
