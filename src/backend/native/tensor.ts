/** A tensor of the native backend: a handle of the addon, and the device that it belongs to. */
import { ArgumentError, IncacheError } from '../../errors.js';
import type { BufferType } from '../../plan/types.js';
import type { DeviceTensor } from '../backend.js';
import type { RunQueue } from '../runQueue.js';
import type { Binding, BufferHandle } from './binding.js';
import { native } from './errors.js';

/** What a tensor and weights need of their device. */
export interface NativeHost {
  readonly binding: Binding;
  /** Whatever takes the lock of the device takes a turn here first, so that the main thread never waits for it. */
  readonly runs: RunQueue;
  requireOpen(): void;
}

export class NativeTensor implements DeviceTensor {
  #disposed = false;

  constructor(
    readonly host: NativeHost,
    readonly handle: BufferHandle,
    readonly rows: number,
    readonly columns: number,
    readonly type: BufferType,
  ) {}

  async write(data: Float32Array | Int32Array): Promise<void> {
    this.requireAlive();
    // Another kind of array would be taken for what it is not.
    if (data instanceof Int32Array !== (this.type === 'i32'))
      throw new ArgumentError(
        'data',
        data.constructor.name,
        `${this.type === 'i32' ? 'an Int32Array' : 'a Float32Array'} for a tensor of ${this.type}`,
      );
    if (data.length !== this.rows * this.columns)
      throw new IncacheError(`writing ${data.length} elements to a tensor of ${this.rows} x ${this.columns}`);
    const values = this.host.runs.keep(data);
    await this.host.runs.copy(() => {
      this.requireAlive();
      native(() => this.host.binding.writeBuffer(this.handle, values));
    });
  }

  async read(): Promise<Float32Array | Int32Array> {
    this.requireAlive();
    return this.host.runs.copy(() => {
      this.requireAlive();
      const length = this.rows * this.columns;
      const values = this.type === 'i32' ? new Int32Array(length) : new Float32Array(length);
      native(() => this.host.binding.readBuffer(this.handle, values));
      return values;
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.host.binding.destroyBuffer(this.handle);
  }

  requireAlive(): void {
    this.host.requireOpen();
    if (this.#disposed)
      throw new IncacheError(`this tensor of ${this.rows} x ${this.columns} has been disposed`);
  }
}
