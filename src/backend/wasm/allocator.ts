/**
 * The one allocator of a linear memory, kept on the host: blocks at multiples of a cache line, freed blocks
 * merged with their neighbours and used again, best fit first.
 */
import { ALIGNMENT } from '../../plan/layout.js';

interface Block {
  address: number;
  bytes: number;
}

export class Allocator {
  /** Free blocks by address, none touching the next; the last may end at `#end`. */
  readonly #free: Block[] = [];
  readonly #sizes = new Map<number, number>();
  readonly #grow: (end: number) => boolean;
  #end: number;
  #inUse = 0;

  /** `grow` makes the memory reach `end`, or returns false. */
  constructor(start: number, grow: (end: number) => boolean) {
    this.#end = start;
    this.#grow = grow;
  }

  /** Bytes handed out now. */
  get inUse(): number {
    return this.#inUse;
  }

  /** The address of a block of `bytes`, or undefined when the memory cannot grow that far. */
  allocate(bytes: number): number | undefined {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    const place = this.#bestFit(size) ?? this.#extend(size);
    if (place === undefined) return undefined;
    const block = this.#free[place]!;
    const { address } = block;
    block.address += size;
    block.bytes -= size;
    if (block.bytes === 0) this.#free.splice(place, 1);
    this.#sizes.set(address, size);
    this.#inUse += size;
    return address;
  }

  /** Gives back a block that `allocate` returned. */
  free(address: number): void {
    const bytes = this.#sizes.get(address);
    if (bytes === undefined) throw new Error(`no block was allocated at ${address}`);
    this.#sizes.delete(address);
    this.#inUse -= bytes;
    const next = this.#free.findIndex((block) => block.address > address);
    const place = next < 0 ? this.#free.length : next;
    this.#free.splice(place, 0, { address, bytes });
    this.#merge(place);
    if (place > 0) this.#merge(place - 1);
  }

  /** The smallest free block that holds `size` bytes. */
  #bestFit(size: number): number | undefined {
    let best: number | undefined;
    for (const [place, { bytes }] of this.#free.entries())
      if (bytes >= size && (best === undefined || bytes < this.#free[best]!.bytes)) best = place;
    return best;
  }

  /** Grows the memory so that its last free block holds `size` bytes. */
  #extend(size: number): number | undefined {
    const last = this.#free.at(-1);
    const touches = last !== undefined && last.address + last.bytes === this.#end;
    const address = touches ? last.address : this.#end;
    if (!this.#grow(address + size)) return undefined;
    this.#end = address + size;
    if (touches) last.bytes = size;
    else this.#free.push({ address, bytes: size });
    return this.#free.length - 1;
  }

  /** Joins free block `place` with the next one if they touch. */
  #merge(place: number): void {
    const block = this.#free[place]!;
    const next = this.#free[place + 1];
    if (next === undefined || block.address + block.bytes !== next.address) return;
    block.bytes += next.bytes;
    this.#free.splice(place + 1, 1);
  }
}
