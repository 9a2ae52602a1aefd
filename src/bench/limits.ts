/** Memory copies, as contenders: what a kernel that only moves its operands could reach. */
import type { Contender } from './measure.js';

export interface CopyLoop extends Contender {
  /** Read and written by a run. */
  readonly bytes: number;
}

/** Much more than caches of the third level hold, and what fits into one of the second with room to spare. */
const SIZES = { memory: 64 * 2 ** 20, cache: 128 * 2 ** 10 } as const;

/** On one thread. */
export function copyLoop(place: keyof typeof SIZES): CopyLoop {
  const size = SIZES[place];
  const source = new Uint8Array(size).fill(1);
  const target = new Uint8Array(size);
  // The same bytes in total but for what an interruption of a shorter run would be of it.
  const copies = Math.ceil((SIZES.memory / size) * (place === 'cache' ? 0.5 : 1));
  return {
    name: place === 'memory' ? 'memory copy' : 'copy in cache',
    flops: 0,
    bytes: 2 * size * copies,
    run: () => {
      for (let i = 0; i < copies; i++) target.set(source);
    },
  };
}
