import { IncacheError } from '../../errors.js';
import type { DeviceTensor } from '../backend.js';
import type { GpuHost } from './host.js';
import type { Slot } from './kernel.js';
import { type GPUBuffer, MAP_READ } from './webgpu.js';

/** A tensor in a buffer of its own, zeros until it is written. */
export class GpuTensor implements DeviceTensor {
  readonly slot: Slot;
  /** What an `i32` tensor holds, by which runs check indices and lengths. */
  integers: Int32Array | undefined;
  readonly #buffer: GPUBuffer;
  #disposed = false;

  constructor(
    readonly host: GpuHost,
    readonly rows: number,
    readonly columns: number,
    readonly type: 'f32' | 'i32',
  ) {
    const bytes = rows * columns * 4;
    this.#buffer = host.memory.storage(bytes);
    this.slot = { bytes, buffer: this.#buffer };
    if (type === 'i32') this.integers = new Int32Array(rows * columns);
  }

  async write(data: Float32Array | Int32Array): Promise<void> {
    this.requireAlive();
    if (data.length !== this.rows * this.columns)
      throw new IncacheError(`writing ${data.length} elements to a tensor of ${this.rows} x ${this.columns}`);
    const values = this.host.runs.keep(data);
    await this.host.runs.copy(() => {
      this.requireAlive();
      const own = values instanceof Float32Array && this.type === 'f32' ? values : this.#converted(values);
      this.host.device.queue.writeBuffer(this.#buffer, 0, own);
    });
  }

  async read(): Promise<Float32Array | Int32Array> {
    this.requireAlive();
    return this.host.runs.add(async () => {
      this.requireAlive();
      const bytes = await this.host.working(() => this.#bytes());
      return this.type === 'i32' ? new Int32Array(bytes) : new Float32Array(bytes);
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.host.memory.free(this.#buffer);
  }

  requireAlive(): void {
    this.host.requireOpen();
    if (this.#disposed)
      throw new IncacheError(`this tensor of ${this.rows} x ${this.columns} has been disposed`);
  }

  #converted(values: Float32Array | Int32Array): Float32Array | Int32Array {
    if (this.type === 'f32') return Float32Array.from(values);
    this.integers = Int32Array.from(values);
    return this.integers;
  }

  async #bytes(): Promise<ArrayBuffer> {
    const { memory, device } = this.host;
    const copy = memory.readable(this.slot.bytes);
    try {
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(this.#buffer, 0, copy, 0, this.slot.bytes);
      device.queue.submit([encoder.finish()]);
      await copy.mapAsync(MAP_READ);
      return copy.getMappedRange().slice(0, this.slot.bytes);
    } finally {
      memory.free(copy);
    }
  }
}
