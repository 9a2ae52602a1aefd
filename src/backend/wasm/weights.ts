/** Weights on the device: read one tensor at a time, kept only in the forms that some plan needs. */
import { IncacheError } from '../../errors.js';
import type { Plan, PlanBuffer } from '../../plan/types.js';
import type { DeviceWeights, WeightSource } from '../backend.js';
import { requireFinite } from '../finite.js';
import type { MemoryHost } from './memory.js';
import { copyPlain, packPanels, packQuantized, panelsLength, quantizedLength } from './packing.js';
import { PANEL, roundUp } from './tiling.js';
import { type Form, neededForms } from './weightForms.js';

/** A weight in one form. */
export interface PackedWeight {
  readonly name: string;
  readonly address: number;
  readonly bytes: number;
  /** Where the scales of a quantised weight lie. */
  readonly scales: number;
  freed: boolean;
}

export class WasmWeights implements DeviceWeights {
  readonly host: MemoryHost;
  readonly #source: WeightSource;
  readonly #packed = new Map<string, PackedWeight>();
  #bytes = 0;
  #disposed = false;

  constructor(host: MemoryHost, source: WeightSource) {
    this.host = host;
    this.#source = source;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Reads the tensors of `plan` that are not yet here in every form that it needs; returns all of those. */
  load(plan: Plan, int8: boolean): PackedWeight[] {
    const used: PackedWeight[] = [];
    for (const [buffer, forms] of neededForms(plan, int8)) {
      const missing = forms.filter(({ key }) => !this.#packed.has(key));
      if (missing.length > 0) {
        const values = this.#read(buffer);
        for (const form of missing) this.#pack(form, buffer, values);
      }
      for (const { key } of forms) used.push(this.find(key));
    }
    return used;
  }

  /** Where the form with this key is. */
  find(key: string): PackedWeight {
    const packed = this.#packed.get(key);
    if (!packed) throw new Error(`weight form ${key} was not loaded`);
    return packed;
  }

  release(prefix: string): void {
    for (const [key, packed] of this.#packed) {
      if (!packed.name.startsWith(prefix)) continue;
      this.#packed.delete(key);
      this.#bytes -= packed.bytes;
      packed.freed = true;
      this.host.release(packed.address);
    }
  }

  dispose(): void {
    this.#disposed = true;
    this.release('');
  }

  requireAlive(): void {
    if (this.#disposed) throw new IncacheError('these weights have been disposed');
  }

  #read({ name, rows, columns }: PlanBuffer): Float32Array {
    const values = this.#source.read(name);
    if (values.length !== rows * columns)
      throw new IncacheError(
        `weight '${name}' has ${values.length} values; the plan expects ${rows} x ${columns}`,
      );
    return values;
  }

  /** Packs one form; the block of a weight that is not finite is given back. */
  #pack(form: Form, buffer: PlanBuffer, values: Float32Array): void {
    const { memory } = this.host;
    const source = { values, width: buffer.columns, view: form.view };
    const scalesAt = scalesOffset(form, values);
    const channels = form.kind === 'quantized' ? roundUp(form.view.rows, PANEL) : 0;
    const bytes = scalesAt + channels * 4;
    const address = memory.allocate(bytes);
    const floats = () => memory.floats(address, bytes / 4);
    const scales = address + scalesAt;
    const finite =
      form.kind === 'plain'
        ? copyPlain(values, floats())
        : form.kind === 'panels'
          ? packPanels(source, floats(), form.taps)
          : packQuantized(source, memory.bytes(address, scalesAt), memory.floats(scales, channels));
    if (!finite) {
      memory.free(address);
      requireFinite(buffer.name, values);
    }
    this.#packed.set(form.key, { name: buffer.name, address, bytes, scales, freed: false });
    this.#bytes += bytes;
  }
}

/** Bytes of a form before its scales, if it has any. */
function scalesOffset({ kind, view }: Form, values: Float32Array): number {
  if (kind === 'plain') return values.length * 4;
  return kind === 'panels' ? panelsLength(view) * 4 : quantizedLength(view);
}
