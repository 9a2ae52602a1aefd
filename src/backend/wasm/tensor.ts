import { IncacheError } from '../../errors.js';
import type { BufferType } from '../../plan/types.js';
import type { DeviceTensor } from '../backend.js';
import type { MemoryHost } from './memory.js';

/** A tensor in the memory of the device, zeros until it is written. */
export class WasmTensor implements DeviceTensor {
  readonly host: MemoryHost;
  readonly address: number;
  #disposed = false;

  constructor(
    host: MemoryHost,
    readonly rows: number,
    readonly columns: number,
    readonly type: BufferType,
  ) {
    this.host = host;
    this.address = host.memory.allocate(rows * columns * 4);
    this.#elements().fill(0);
  }

  async write(data: Float32Array | Int32Array): Promise<void> {
    this.requireAlive();
    if (data.length !== this.rows * this.columns)
      throw new IncacheError(`writing ${data.length} elements to a tensor of ${this.rows} x ${this.columns}`);
    const values = this.host.runs.keep(data);
    await this.host.runs.copy(() => {
      this.requireAlive();
      this.#elements().set(values);
    });
  }

  async read(): Promise<Float32Array | Int32Array> {
    this.requireAlive();
    return this.host.runs.copy(() => {
      this.requireAlive();
      return this.type === 'i32' ? new Int32Array(this.#elements()) : new Float32Array(this.#elements());
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.host.release(this.address);
  }

  requireAlive(): void {
    this.host.requireOpen();
    if (this.#disposed)
      throw new IncacheError(`this tensor of ${this.rows} x ${this.columns} has been disposed`);
  }

  #elements(): Float32Array | Int32Array {
    const length = this.rows * this.columns;
    return this.type === 'i32'
      ? this.host.memory.integers(this.address, length)
      : this.host.memory.floats(this.address, length);
  }
}
