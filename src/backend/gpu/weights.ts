/** Weights on the device: read one tensor at a time, kept only in the forms that some plan needs. */
import { IncacheError } from '../../errors.js';
import type { DeviceWeights, WeightSource } from '../backend.js';
import { isSliceOver, turn } from '../eventLoop.js';
import { requireFinite } from '../finite.js';
import { RunQueue } from '../runQueue.js';
import { asFloat32, withWeight } from '../weightValues.js';
import type { GpuHost } from './host.js';
import type { GPUBuffer } from './webgpu.js';
import { formed, keyOf, type WeightForm, type WeightForms } from './weightForms.js';

/** A weight in one form. */
export interface LoadedWeight {
  readonly name: string;
  readonly buffer: GPUBuffer;
  freed: boolean;
}

export class GpuWeights implements DeviceWeights {
  readonly #loaded = new Map<string, LoadedWeight>();
  /** Plans that are compiled at once load one after another, so that one finds what another has read. */
  readonly #loads = new RunQueue();
  #bytes = 0;
  #disposed = false;

  constructor(
    readonly host: GpuHost,
    readonly source: WeightSource,
  ) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** Puts the buffers of these forms into their slots, reading what is not yet here; returns all of them. */
  load({ needed }: WeightForms): Promise<LoadedWeight[]> {
    return this.#loads.add(async () => {
      const missing = new Map<string, WeightForm[]>();
      for (const [key, { form }] of needed)
        if (!this.#loaded.has(key))
          missing.set(form.buffer.name, [...(missing.get(form.buffer.name) ?? []), form]);
      for (const forms of missing.values()) await this.#read(forms);
      return [...needed].map(([key, { slot }]) => {
        const weight = this.#loaded.get(key)!;
        slot.buffer = weight.buffer;
        return weight;
      });
    });
  }

  release(prefix: string): void {
    for (const [key, weight] of this.#loaded) {
      if (!weight.name.startsWith(prefix)) continue;
      this.#loaded.delete(key);
      this.#bytes -= weight.buffer.size;
      weight.freed = true;
      this.host.memory.free(weight.buffer);
    }
  }

  dispose(): void {
    this.#disposed = true;
    this.release('');
  }

  requireAlive(): void {
    this.host.requireOpen();
    if (this.#disposed) throw new IncacheError('these weights have been disposed');
  }

  /** Reads one tensor and uploads it in all of these forms. */
  async #read(forms: readonly WeightForm[]): Promise<void> {
    await withWeight(this.source, forms[0]!.buffer, async (given) => {
      // The values are the source's again after the first wait.
      const values = asFloat32(given);
      requireFinite(forms[0]!.buffer.name, values);
      const uploads = forms.map((form) => [form, formed(form, values)] as const);
      if (isSliceOver()) await turn();
      for (const [form, numbers] of uploads) this.#upload(form, numbers);
    });
  }

  #upload(form: WeightForm, numbers: Float32Array): void {
    this.requireAlive();
    const { memory, device } = this.host;
    const buffer = memory.storage(numbers.byteLength);
    device.queue.writeBuffer(buffer, 0, numbers);
    this.#loaded.set(keyOf(form), { name: form.buffer.name, buffer, freed: false });
    this.#bytes += buffer.size;
  }
}
