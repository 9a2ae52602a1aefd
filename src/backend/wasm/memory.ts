/** A WebAssembly memory with its allocator. Views are made when asked for: growing leaves old ones behind. */
import { usableMemory, whyNoAddressSpace } from '#platform/machineLimits';
import { IncacheError, OutOfMemoryError } from '../../errors.js';
import type { RunQueue } from '../runQueue.js';
import { Allocator } from './allocator.js';
import { HEAP_START } from './control.js';

const PAGE = 65536;
/** One page less than 4 GiB, so that the end of the last block is still a 32-bit address. */
export const MAXIMUM_PAGES = 65535;
/** Below this many pages no model of use would fit. */
const LEAST_PAGES = 256;
/** Kernels may read, and not use, a few bytes past a block: the last one must not end at the memory's end. */
const MARGIN = 64;

export class DeviceMemory {
  readonly memory: WebAssembly.Memory;
  readonly #allocator: Allocator;
  /** The most bytes that it can have. */
  readonly limit: number;

  /** Throws an `IncacheError` where the system has no address space for the least of memories. */
  constructor(shared: boolean, maximumPages = MAXIMUM_PAGES) {
    const reserved = reserve(shared, maximumPages);
    if (!reserved) throw new IncacheError(whyNoAddressSpace());
    this.memory = reserved.memory;
    this.limit = Math.min(reserved.pages, Math.floor(usableMemory() / PAGE)) * PAGE;
    this.#allocator = new Allocator(HEAP_START, (end) => this.#reach(end + MARGIN));
  }

  /** Bytes handed out now. */
  get inUse(): number {
    return this.#allocator.inUse;
  }

  /** Its size in pages of 64 KiB. */
  get pages(): number {
    return this.memory.buffer.byteLength / PAGE;
  }

  /** The address of a new block, its content undefined. Throws an `OutOfMemoryError`. */
  allocate(bytes: number): number {
    const address = this.#allocator.allocate(bytes);
    if (address === undefined) throw new OutOfMemoryError(bytes, this.inUse, this.limit, 'the wasm backend');
    return address;
  }

  free(address: number): void {
    this.#allocator.free(address);
  }

  floats(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  doubles(address: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, length);
  }

  integers(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }

  bytes(address: number, length: number): Int8Array {
    return new Int8Array(this.memory.buffer, address, length);
  }

  view(): DataView {
    return new DataView(this.memory.buffer);
  }

  /** Grows by an eighth or more at a time, or by what is needed when that is too much. */
  #reach(end: number): boolean {
    const have = this.pages;
    const need = Math.ceil(end / PAGE) - have;
    if (need <= 0) return true;
    if ((have + need) * PAGE > this.limit) return false;
    const room = this.limit / PAGE - have;
    return this.#tryGrow(Math.min(Math.max(need, have >> 3, 16), room)) || this.#tryGrow(need);
  }

  #tryGrow(pages: number): boolean {
    try {
      this.memory.grow(pages);
      return true;
    } catch {
      return false;
    }
  }
}

/** A memory that can grow to `most` pages, or to a half, a quarter and so on of that where it cannot be reserved. */
function reserve(shared: boolean, most: number): { memory: WebAssembly.Memory; pages: number } | undefined {
  for (let pages = most; pages >= Math.min(most, LEAST_PAGES); pages >>= 1) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 1, maximum: pages, shared }), pages };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return undefined;
}

let wasReserved = false;

/** Why no memory can be made here, or undefined. Once one could be made it is not tried again. */
export function whyNoMemory(shared: boolean): string | undefined {
  wasReserved ||= reserve(shared, LEAST_PAGES) !== undefined;
  return wasReserved ? undefined : whyNoAddressSpace();
}

/** What tensors and weights need of the device that they belong to. */
export interface MemoryHost {
  readonly memory: DeviceMemory;
  readonly runs: RunQueue;
  /** Frees a block as soon as no run uses it. */
  release(address: number): void;
  requireOpen(): void;
}
