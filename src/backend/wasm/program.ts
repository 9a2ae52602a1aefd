/**
 * The program of a plan in linear memory: the records that the kernels' main loop walks over, then the
 * structures they point to, each on cache lines of its own.
 */
import { ALIGNMENT } from '../../plan/layout.js';
import type { DeviceMemory } from './memory.js';
import { codeOf, type Operation, type Word } from './operation.js';
import { roundUp } from './tiling.js';

/** Bytes of a record: code, tiles, address of the arguments. */
const RECORD_BYTES = 16;

export interface Program {
  readonly address: number;
  readonly operations: number;
  /** Scratch of the operation that needs most. */
  readonly scratchBytes: number;
}

/** Writes a program to memory of its own, which the caller frees. */
export function writeProgram(operations: readonly Operation[], memory: DeviceMemory): Program {
  const records = roundUp(RECORD_BYTES * operations.length, ALIGNMENT);
  const bytes = operations.reduce((sum, { words }) => sum + structureBytes(words), records);
  const address = memory.allocate(bytes);
  const writer = new StructureWriter(memory.view(), address + records);
  for (const [i, { kernel, tiles, words }] of operations.entries())
    writer.words(address + i * RECORD_BYTES, [codeOf(kernel), tiles, words]);
  const scratchBytes = Math.max(0, ...operations.map((operation) => operation.scratchBytes ?? 0));
  return { address, operations: operations.length, scratchBytes };
}

/** Bytes of a structure and of those it points to. */
function structureBytes(words: readonly Word[]): number {
  const nested = words.map((word) => (typeof word === 'number' ? 0 : structureBytes(word)));
  return nested.reduce((a, b) => a + b, roundUp(words.length * 4, ALIGNMENT));
}

class StructureWriter {
  readonly #view: DataView;
  #next: number;

  constructor(view: DataView, start: number) {
    this.#view = view;
    this.#next = start;
  }

  /** Writes words at `address`; structures among them go behind everything written so far. */
  words(address: number, words: readonly Word[]): void {
    for (const [i, word] of words.entries())
      this.#view.setUint32(address + i * 4, typeof word === 'number' ? word : this.#structure(word), true);
  }

  #structure(words: readonly Word[]): number {
    const address = this.#next;
    this.#next += roundUp(words.length * 4, ALIGNMENT);
    this.words(address, words);
    return address;
  }
}
