/** Weights on the device: read one tensor at a time, kept only in the forms that some plan needs. */
import { IncacheError } from '../../errors.js';
import type { Plan, PlanBuffer, View } from '../../plan/types.js';
import type { DeviceWeights, WeightSource } from '../backend.js';
import { isSliceOver, turn } from '../eventLoop.js';
import { requireFinite } from '../finite.js';
import { RunQueue } from '../runQueue.js';
import { asFloat32, withWeight } from '../weightValues.js';
import type { DeviceMemory, MemoryHost } from './memory.js';
import {
  copyPlain,
  packPanels,
  packQuantized,
  panelsLength,
  quantizedLength,
  type Source,
} from './packing.js';
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
  /** Plans that are compiled at once load one after another, so that one finds what another has packed. */
  readonly #loads = new RunQueue();
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
  load(plan: Plan, int8: boolean): Promise<PackedWeight[]> {
    return this.#loads.add(() => this.#load(plan, int8));
  }

  async #load(plan: Plan, int8: boolean): Promise<PackedWeight[]> {
    const needed = neededForms(plan, int8);
    for (const [buffer, forms] of needed) {
      const missing = forms.filter(({ key }) => !this.#packed.has(key));
      if (missing.length === 0) continue;
      await withWeight(this.#source, buffer, async (given) => {
        const values = asFloat32(given);
        for (const form of missing) await this.#pack(form, buffer, values);
      });
    }
    return [...needed.values()].flat().map(({ key }) => this.find(key));
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

  /** Packs one form, piece by piece between turns of the event loop; the block of one that fails is given back. */
  async #pack(form: Form, buffer: PlanBuffer, values: Float32Array): Promise<void> {
    const { memory } = this.host;
    const scalesAt = scalesOffset(form, values);
    const channels = form.kind === 'quantized' ? roundUp(form.view.rows, PANEL) : 0;
    const bytes = scalesAt + channels * 4;
    this.#requireOpen();
    const address = memory.allocate(bytes);
    const scales = address + scalesAt;
    try {
      for (const piece of piecesOf(form)) {
        if (isSliceOver()) await turn();
        this.#requireOpen();
        if (!packPiece(memory, address, scales, { values, width: buffer.columns, view: piece }, form))
          requireFinite(buffer.name, values);
      }
    } catch (error) {
      memory.free(address);
      throw error;
    }
    this.#packed.set(form.key, { name: buffer.name, address, bytes, scales, freed: false });
    this.#bytes += bytes;
  }

  #requireOpen(): void {
    this.host.requireOpen();
    this.requireAlive();
  }
}

/** Elements that are packed without a look at the clock: well under a millisecond. */
const PIECE = 2 ** 17;

/** The rows of a form in pieces of whole panels. */
function piecesOf({ kind, view }: Form): View[] {
  if (kind === 'plain') return [view];
  const rows = PANEL * Math.max(1, Math.floor(PIECE / (PANEL * view.columns)));
  return Array.from({ length: Math.ceil(view.rows / rows) }, (_, i) => ({
    ...view,
    row: view.row + i * rows,
    rows: Math.min(rows, view.rows - i * rows),
  }));
}

/** Packs the rows of `source.view`, some of those of the form. Returns false when a value is NaN or infinite. */
function packPiece(
  memory: DeviceMemory,
  address: number,
  scales: number,
  source: Source,
  { kind, view, taps }: Form,
): boolean {
  const piece = source.view;
  if (kind === 'plain') return copyPlain(source.values, memory.floats(address, source.values.length));
  const first = piece.row - view.row;
  const before = { ...piece, rows: first };
  if (kind === 'panels')
    return packPanels(source, memory.floats(address + panelsLength(before) * 4, panelsLength(piece)), taps);
  return packQuantized(
    source,
    memory.bytes(address + quantizedLength(before), quantizedLength(piece)),
    memory.floats(scales + first * 4, roundUp(piece.rows, PANEL)),
  );
}

/** Bytes of a form before its scales, if it has any. */
function scalesOffset({ kind, view }: Form, values: Float32Array): number {
  if (kind === 'plain') return values.length * 4;
  return kind === 'panels' ? panelsLength(view) * 4 : quantizedLength(view);
}
